"""The plan: which edits, why, what they are predicted to gain, as a diff and as code."""

from __future__ import annotations

from dataclasses import dataclass

from plusone.fix.edits import Edit
from plusone.records import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a scan says of one state of the model.

    `log10_gradient_ratio` is log10 |g at the first block| / |g at the last|, NaN where it was not
    measured; `trouble` are the codes of findings that keep a net from training, `warnings` those of
    the others.
    """

    label: Label | None
    probability: float
    log10_gradient_ratio: float
    num_parameters: int
    trouble: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The forecasts before the edits and after."""

    before: Forecast
    after: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """A repair that was tried on a copy: its name, how many edits, and its forecast."""

    name: str
    num_edits: int
    after: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The edits with all that was known when they were chosen; `str(plan)` is the diff.

    `reason` says why these, or why none. `refusal` is "" unless this model cannot be edited, and
    then the plan is text alone. New weights are drawn from `seed`. `keeps_outputs` says that the
    edited model computes what the model did.
    """

    target: str
    edits: tuple[Edit, ...]
    reason: str
    code: str
    diff: str
    seed: int
    predicted: Predicted | None = None
    considered: tuple[Considered, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""
    keeps_outputs: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do, or nothing that can be done by edits."""
        return not self.edits

    def __str__(self) -> str:
        from plusone.fix.text import plan_text

        return plan_text(self)
