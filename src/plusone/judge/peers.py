"""The rule on blocks out of line: a branch far stronger or weaker than those of its peers."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from statistics import median
from typing import NamedTuple

from plusone.judge.findings import finding
from plusone.judge.thresholds import (
    PEER_COUNT,
    PEER_DEVIATIONS,
    PEER_EQUAL,
    PEER_FACTOR,
    PEER_NEIGHBOURS,
)
from plusone.records import BlockReport, Finding, Value


class _Reading(NamedTuple):
    """One block in one measure: its value, how far it is off, and how far its peers are."""

    words: str
    value: float
    deviation: float
    noise: float


class _Yardstick(NamedTuple):
    """Strengths relative to the skip and, with the skip's size, absolute ones (logarithms)."""

    relative_words: str
    absolute_words: str
    relative: list[float]
    skips: list[float]


def out_of_line(blocks: Sequence[BlockReport], breaks: Collection[str] = ()) -> list[Finding]:
    """J401: compared within a family, in the measure in which the family agrees best.

    A family are blocks of one structure and width. Branches without a norm agree in their ratio to
    the skip (all scale with the stream), normalised ones in their own size (the ratio falls as the
    stream grows). Each block is compared with the median of its nearest peers, so that a trend over
    the depth is no deviation, and the noise is what the other blocks are off in the same way. The
    other measure has to agree at least by half, and by more at the ends, where all peers are on
    one side: the first blocks' ratio to a young stream alone, or the blocks' size where the stream
    itself changes, is no fault of a branch. `breaks` are the
    names of blocks that lack a skip.
    """
    found = []
    for family in _families(blocks, breaks):
        is_mixed = len({block.shape[1:] for block in family}) > 1
        yardsticks = _yardsticks(family)
        for k, block in enumerate(family):
            is_end = k in (0, len(family) - 1)
            pairs = [sorted(_readings(y, k), key=lambda r: r.noise) for y in yardsticks]
            best, other = min(pairs, key=lambda pair: pair[0].noise)
            limit = max(math.log(PEER_FACTOR), PEER_DEVIATIONS * best.noise)
            agreement = (0.7 if is_end else 0.5) * limit
            agrees = best.deviation * other.deviation > 0 and abs(other.deviation) > agreement
            is_yardstick = not is_mixed or best.noise < PEER_EQUAL
            if is_yardstick and abs(best.deviation) > limit and agrees:
                found.append(_finding(block, best, limit))
    return found


def _yardsticks(family: list[BlockReport]) -> list[_Yardstick]:
    """The strength by the signal, and where Jacobians were measured, its mean with theirs.

    Both say by how much the branch multiplies what the skip carries, forward for this signal and
    at large; their errors are independent, so the (geometric) mean has less of it.
    """
    skips = [_log_skip(block) for block in family]
    ratios = [math.log(float(block.residual_ratio)) for block in family]
    found = [_Yardstick("rms of branch to skip", "rms of branch", ratios, skips)]
    norms = [block.branch_jacobian.frobenius_rms.value for block in family]
    if all(norms):
        pairs = zip(ratios, norms, strict=True)
        means = [(ratio + math.log(norm)) / 2 for ratio, norm in pairs if norm]
        words = "mean of its rms to the skip's and its Jacobian's gain"
        found.append(_Yardstick(words, f"{words}, times the skip's rms,", means, skips))
    return found


def _finding(block: BlockReport, reading: _Reading, limit: float) -> Finding:
    off = reading.deviation
    word = "stronger" if off > 0 else "weaker"
    own, middle = math.exp(reading.value), math.exp(reading.value - off)
    reason = (
        f"the branch of {block.name} is {math.exp(abs(off)):.2g} times {word} than those of its "
        f"nearest peers ({reading.words} {own:.3g} against {middle:.3g}), which differ by "
        f"{math.expm1(reading.noise):.0%} among themselves"
    )
    threshold = math.exp(math.copysign(limit, off))
    return finding("J401", block.name, Value.of(math.exp(off)), threshold, reason)


def _families(blocks: Sequence[BlockReport], breaks: Collection[str]) -> list[list[BlockReport]]:
    """Blocks of one structure and width; where those are few, of one structure.

    Those of several widths are peers only where they are all equal (a norm at the branch's end
    makes them so): an initialisation with one deviation for all makes wide branches stronger.
    Beyond one of `breaks` the stream is another one, so blocks on both sides are no peers.
    """
    by_width: dict[tuple[object, object], list[BlockReport]] = {}
    structure: object
    part = 0
    for block in blocks:
        part += block.name in breaks
        ratio = block.residual_ratio
        if block.kind == "residual" and ratio.value and block.signal_rms.value:
            name, layout = re.sub(r"\d+", "*", block.name), len(block.shape)
            structure = (name, layout, block.skip, block.layers, part)
            by_width.setdefault((structure, block.shape[1:]), []).append(block)
    families = [family for family in by_width.values() if len(family) >= PEER_COUNT]
    few: dict[object, list[BlockReport]] = {}
    for (structure, _), family in by_width.items():
        if len(family) < PEER_COUNT:
            few.setdefault(structure, []).extend(family)
    return families + [family for family in few.values() if len(family) >= PEER_COUNT]


def _log_skip(block: BlockReport) -> float:
    """log rms of the skip, if the branch does not depend on it: out^2 = skip^2 + branch^2.

    Behind a concatenation out^2 is the mean of both, weighted by how much of it each one is.
    """
    ratio = float(block.residual_ratio)
    of_skip = of_branch = 1.0
    if block.skip == "concat":
        of_skip = min(1.0, math.prod(block.input_shape) / max(math.prod(block.shape), 1))
        of_branch = 1.0 - of_skip
    square = of_skip + of_branch * ratio**2
    return math.log(float(block.signal_rms)) - 0.5 * math.log(square)


def _readings(yardstick: _Yardstick, k: int) -> tuple[_Reading, _Reading]:
    pairs = zip(yardstick.relative, yardstick.skips, strict=True)
    sizes = [strength + skip for strength, skip in pairs]
    return (
        _reading(yardstick.relative_words, yardstick.relative, k),
        _reading(yardstick.absolute_words, sizes, k),
    )


def _reading(words: str, values: list[float], k: int) -> _Reading:
    others = values[:k] + values[k + 1 :]
    squares = [_deviation(others, j) ** 2 for j in range(len(others))]
    noise = math.sqrt(sum(squares) / len(squares))
    return _Reading(words, values[k], _deviation(values, k), noise)


def _deviation(values: list[float], k: int) -> float:
    """What value number k is away from the median of its nearest neighbours.

    At an end all of those are on one side, and a trend looks like a deviation: there the distance
    from the next value counts, if it is shorter.
    """
    nearest = sorted((j for j in range(len(values)) if j != k), key=lambda j: abs(j - k))
    off = values[k] - median(values[j] for j in nearest[:PEER_NEIGHBOURS])
    if 0 < k < len(values) - 1:
        return off
    return min(off, values[k] - values[nearest[0]], key=abs)
