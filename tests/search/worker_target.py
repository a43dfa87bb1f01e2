"""A target for workers in processes of their own: slow enough to be killed in the middle."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))

from search.nets import subject


def slow_loss(output: Tensor, targets: Tensor) -> Tensor:
    time.sleep(0.04)
    return F.cross_entropy(output, targets)


def build() -> tuple[torch.nn.Module, object, object, object]:
    given = subject()
    return given.model, given.args[0], given.targets, slow_loss
