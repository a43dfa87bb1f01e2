"""torchvision beside a torch that its compiled library does not fit."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.zoo

PROGRAM = """
from plusone.target.torchvision import make_importable
state = make_importable()
assert state in ("complete", "declared"), state
import torch, torchvision
print(torchvision.models.resnet18().eval()(torch.zeros(1, 3, 32, 32)).shape[1])
"""


def test_torchvision_imports_and_its_models_run_in_a_fresh_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stdout.strip() == "1000", done.stderr
