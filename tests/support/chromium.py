"""Chromium without a window, for tests that look at pages as a browser shows them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def browse(page: Path, *options: str, profile: Path) -> str:
    """What Chromium prints for `page`, opened from its file; `profile` is a fresh folder."""
    assert BINARY is not None
    done = subprocess.run(
        [BINARY, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout
