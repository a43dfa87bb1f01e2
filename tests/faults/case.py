"""The records of a trial: a model with its inputs, the fault planted in it, what a scan said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A model, what it is fed and, where it has one, its loss."""

    model: nn.Module
    inputs: object
    targets: object | None = None
    loss_fn: Callable[..., Tensor] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A planted fault: the code expected, and the places any of which is a right answer.

    A place matches a finding's `where` that is equal to it or lies inside it. `also` are codes
    that the same fault may rightly raise besides; any other code is a wrong accusation. `label`
    is the verdict that is right ("" where the fault does not decide it).
    """

    kind: str
    name: str
    code: str
    where: tuple[str, ...]
    build: Callable[[], Built]
    also: tuple[str, ...] = ()
    label: str = ""
    is_slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A healthy model: no finding is right."""

    kind: str
    name: str
    build: Callable[[], Built]
    is_slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a scan said of one case; `findings` are pairs of code and place."""

    kind: str
    name: str
    is_right: bool
    findings: tuple[tuple[str, str], ...] = ()
    label: str = ""
    wrong: tuple[str, ...] = field(default=())
    reason: str = ""
    seconds: float = 0.0
