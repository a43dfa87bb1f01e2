"""The records of a lab: what it claims, what was predicted beforehand, and what came out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "fails", "mixed", "not measured"]
Role = Literal["claim", "control", "limit"]

NOT_NEGATIVE = (0.0, math.inf)
"""The range of what cannot be below zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One number that was predicted, as an interval fixed before it was measured.

    `text` says what the number is, with its unit. `role` says what it is for: the "claim" is what
    the field's story implies, a "control" is what has to hold for the experiment to mean anything,
    a "limit" is where theory says that the claim ends. `within` is the range that its values cannot
    leave, (0, 1) for a share; `over` says, in the plural, what its repeats are.
    """

    key: str
    text: str
    low: float = -math.inf
    high: float = math.inf
    role: Role = "claim"
    within: tuple[float, float] = (-math.inf, math.inf)
    over: str = "seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a lab is about; `equation` and `source` are one line each."""

    name: str
    title: str
    statement: str
    equation: str
    control: str
    source: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was measured beside what was predicted.

    `low` and `high` are the 95 % interval of the mean over `num_seeds` repeats of what
    `prediction.over` names, or the value itself where there is one. The verdict is "holds" where
    all of that interval lies inside the predicted one, "fails" where all of it lies outside, else
    "mixed"; "not measured" where there was nothing to measure, for the reason `unmeasured`.
    """

    prediction: Prediction
    mean: float
    low: float
    high: float
    num_seeds: int
    verdict: Verdict
    unmeasured: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Treatment minus control over pairs of the same seed: the mean difference and Hedges' g.

    Both come with a 95 % interval; g is the difference over the pooled standard deviation, with
    Hedges' correction for few seeds, and is NaN where the seeds do not differ. `over` names the
    pairs where they are no seeds.
    """

    text: str
    treatment: str
    control: str
    difference: float
    low: float
    high: float
    hedges_g: float
    g_low: float
    g_high: float
    num_seeds: int
    over: str = "seeds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture as SVG, whose `name` is that of its file."""

    name: str
    title: str
    svg: str
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The data behind a figure; cells are numbers or words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabResult:
    """What a lab found. `reading` is what it means, in a few sentences with the numbers in them;
    `file` is the user's data that it is about, "" for the lab's own."""

    claim: Claim
    is_full: bool
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    effects: tuple[Effect, ...]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    reading: str
    data: tuple[str, ...]
    num_seeds: int
    num_runs: int
    seconds: float
    date: str
    versions: str
    file: str = ""

    @property
    def command(self) -> str:
        """The command line that makes this result."""
        options = (" --full" if self.is_full else "") + (f" --pdb {self.file}" if self.file else "")
        return f"plusone lab run {self.claim.name}{options}"


def judged(prediction: Prediction, low: float, high: float) -> Verdict:
    """How the interval [low, high] stands to what was predicted; one with a NaN fails."""
    if math.isnan(low) or math.isnan(high):
        return "fails"
    if prediction.low <= low and high <= prediction.high:
        return "holds"
    if high < prediction.low or low > prediction.high:
        return "fails"
    return "mixed"


def overall(outcomes: tuple[Outcome, ...]) -> Verdict:
    """The lab's verdict: of its claims, and "mixed" at best without every control.

    Limits do not count: they say where the claim ends.
    """
    claims = {o.verdict for o in outcomes if o.prediction.role == "claim"}
    controls = {o.verdict for o in outcomes if o.prediction.role == "control"}
    if claims == {"fails"}:
        return "fails"
    return "holds" if claims == {"holds"} and controls <= {"holds"} else "mixed"


def missed_controls(outcomes: tuple[Outcome, ...]) -> str:
    """A sentence for each control that does not hold; "" where all do."""
    said = {"fails": "fails", "mixed": "is mixed", "not measured": "was not measured"}
    best = "so that the verdict is mixed at best"
    missed = [
        f"The control '{o.prediction.text}' {said[o.verdict]}, {best}."
        for o in outcomes
        if o.prediction.role == "control" and o.verdict != "holds"
    ]
    return " ".join(missed)
