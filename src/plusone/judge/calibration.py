"""The calibrated verdict: how likely a net is to train, from four quantities with a meaning.

P(trains) = 1 / (1 + exp(-(INTERCEPT + sum coefficient x quantity))), fitted on nets that were
really trained: the 589 of the fit families of `benchmarks/trainability/table.csv`, with the
quantities that `benchmarks/trainability/scanned.csv` holds for batches of 64. They hold for batches
of 16 to 64 (`docs/trainability.md`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from plusone.judge.run import trunk_of
from plusone.records import Bypass, Evidence, Value


class Quantity(NamedTuple):
    """One quantity of the verdict: its coefficient, its range, its median over those nets of the
    fit families that train, and what it means."""

    name: str
    coefficient: float
    low: float
    high: float
    healthy: float
    meaning: str


QUANTITIES = (
    Quantity(
        "collapse",
        -7.92,
        0.0,
        1.0,
        0.19,
        "mean cos^2 between the gradients that two random cotangents of the output send to the "
        "first block's input, in one sample: about 1 / (directions that the Jacobian keeps apart)",
    ),
    Quantity(
        "vanish",
        -1.49,
        0.0,
        6.0,
        0.0,
        "decades by which the gradient falls from the last block to the first",
    ),
    Quantity(
        "geometry",
        8.98,
        math.log10(0.03),
        0.0,
        math.log10(0.61),
        "log10 of the centred kernel alignment between the samples at the input and where the "
        "last layer reads: 0 where their distances are kept",
    ),
    Quantity(
        "spread",
        -0.36,
        0.0,
        8.0,
        0.33,
        "decades between the largest and the smallest norm of the gradient at a block",
    ),
)
INTERCEPT = 8.58
_OUTPUTS = 10
NAMES = tuple(q.name for q in QUANTITIES)
HEALTHY = {q.name: q.healthy for q in QUANTITIES}


def quantities(evidence: Evidence) -> dict[str, float] | None:
    """The quantities by name, within their ranges; None where one was not measured.

    What is not finite counts as the worst of its range. Of an autoencoder whose latent has fewer
    than ten numbers, collapse and geometry are those that such a latent leaves room for
    (`within_code`).
    """
    whole = evidence.end_to_end
    measured = (whole.gradient_collapse, whole.log10_gradient_ratio, whole.input_alignment)
    if not all(value.is_measured for value in measured):
        return None
    norms = [block.gradient_norm for block in trunk_of(evidence)]
    collapse, alignment = within_code(
        whole.bypass,
        _number(whole.gradient_collapse, worst=1.0),
        _number(whole.input_alignment, worst=0.0),
    )
    found = {
        "collapse": collapse,
        "vanish": _fall(whole.log10_gradient_ratio),
        "geometry": _log10(alignment),
        "spread": _range([value for value in norms if value.is_measured]),
    }
    return {q.name: min(max(found[q.name], q.low), q.high) for q in QUANTITIES}


def within_code(bypass: Bypass | None, collapse: float, alignment: float) -> tuple[float, float]:
    """Collapse and alignment as a code of ten numbers would have them, the outputs of the nets that
    the verdict was fitted on.

    k numbers carry k directions, two of which have the mean cos^2 1 / k: what is above that, of
    what can be, counts. Of the samples' geometry k numbers keep `Bypass.room` of what ten do. As
    they are without a latent, with one of ten numbers or more, and where a way as wide as the
    latent goes around it.
    """
    if bypass is None or not is_narrow(bypass):
        return collapse, alignment
    room, least = float(bypass.room), 1.0 / bypass.size
    above = max(collapse - least, 0.0) / (1.0 - least) if least < 1.0 else 0.0
    widened = 1.0 / _OUTPUTS + (1.0 - 1.0 / _OUTPUTS) * above
    return min(collapse, widened), min(alignment / room, 1.0)


def healthy_within_code(bypass: Bypass | None) -> tuple[float, float]:
    """Collapse and alignment that nets that train have, with such a latent: the inverse of
    `within_code` from two numbers on; one has no directions to tell apart."""
    collapse, alignment = HEALTHY["collapse"], 10 ** HEALTHY["geometry"]
    if bypass is None or not is_narrow(bypass):
        return collapse, alignment
    least = 1.0 / bypass.size
    above = (collapse - 1.0 / _OUTPUTS) / (1.0 - 1.0 / _OUTPUTS)
    return least + (1.0 - least) * above, alignment * float(bypass.room)


def is_narrow(bypass: Bypass) -> bool:
    """Whether all passes a latent of fewer numbers than the verdict was fitted on."""
    is_around = float(bypass.width) >= 1.0 and float(bypass.shut) != 1.0
    return 0 < bypass.size < _OUTPUTS and float(bypass.room) > 0 and not is_around


def probability(found: dict[str, float]) -> float:
    """P(trains) for these quantities."""
    total = INTERCEPT + sum(q.coefficient * found[q.name] for q in QUANTITIES)
    return 1.0 / (1.0 + math.exp(-min(max(total, -500.0), 500.0)))


def harms(found: dict[str, float]) -> dict[str, float]:
    """By how much each quantity lowers the log odds, against a net that trains; worst first."""
    lost = {q.name: q.coefficient * (q.healthy - found[q.name]) for q in QUANTITIES}
    return dict(sorted(lost.items(), key=lambda item: -item[1]))


def _fall(ratio: Value) -> float:
    return math.inf if ratio.state in ("inf", "nan") else -float(ratio)


def _number(value: Value, *, worst: float) -> float:
    number = float(value)
    return worst if math.isnan(number) else number


def _range(norms: Iterable[Value]) -> float:
    logs = [_log10(_number(value, worst=math.inf)) for value in norms]
    if not logs:
        return 0.0
    width = max(logs) - min(logs)
    return math.inf if math.isnan(width) else width


def _log10(number: float) -> float:
    return math.log10(number) if number > 0 else -math.inf
