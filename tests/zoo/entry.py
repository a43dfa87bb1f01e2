"""One model of the zoo: how it is made, and which skips its definition gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skips:
    """How many skips of each kind: by definition, or found."""

    identity: int = 0
    projection: int = 0
    gated: int = 0
    scaled: int = 0
    concat: int = 0
    attention: int = 0

    def __str__(self) -> str:
        counts = [(getattr(self, f.name), f.name) for f in fields(self)]
        return " + ".join(f"{n} {kind}" for n, kind in counts if n) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model with the skips that its architecture's definition gives it.

    `because` derives the count from the paper or the source, never from what plusone found.
    `wrong` says what is known to be off and why (the test is then a strict xfail). `is_slow`
    leaves the model out of the default run; `is_light` puts it into the full scans.
    """

    name: str
    make: Callable[[], Made]
    skips: Skips
    because: str
    wrong: str = ""
    is_slow: bool = False
    is_light: bool = False

    def build(self) -> Made:
        """The model and its inputs, the same ones on every call."""
        torch.manual_seed(0)
        return self.make()


def picture(size: int, *, batch: int = 2, channels: int = 3) -> torch.Tensor:
    """A batch of standard normal pictures."""
    return torch.randn(batch, channels, size, size)
