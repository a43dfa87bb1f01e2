"""What every test starts from: no hub, no random state left behind, torchvision that imports."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import pytest
import torch

import support.torchvision_cpu  # noqa: F401


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Each test starts from the same random state, alone or in any order."""
    torch.manual_seed(0)
