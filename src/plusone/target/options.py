"""What the user asked for beside the target itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "meta"]
Loss = Literal["cross-entropy", "mse", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """How to build a target and what to feed it.

    `inputs` are specifications such as "4,3,224,224" or "ids=2,16:int64", `inputs_file` a .pt or
    .safetensors file; either replaces the inputs that the target gives. `device` "meta" builds
    without weights. `loss` replaces the target's loss ("none" drops it). `seed` draws the weights
    and the inputs that plusone makes.
    """

    inputs: tuple[str, ...] = ()
    inputs_file: str | None = None
    device: Device = "cpu"
    loss: Loss | None = None
    seed: int = 0
