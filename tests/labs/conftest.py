"""A tiny lab beside the real ones, and a cache of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from plusone.labs.index import LABS, Entry


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The name "tiny" is a lab; the file that is returned lists which arms have run."""
    log = tmp_path / "log"
    log.touch()
    monkeypatch.setitem(LABS, "tiny", Entry(module="support.tiny_lab", summary="two and one"))
    monkeypatch.setenv("PLUSONE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINY_LOG", str(log))
    return log
