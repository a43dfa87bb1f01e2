"""Rules on what a size does not show: directions of the gradient and the samples' geometry.

Both are of the calibrated verdict, and speak where it says no and no other rule has said why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from plusone.judge.calibration import (
    harms,
    healthy_within_code,
    is_narrow,
    probability,
    quantities,
)
from plusone.judge.findings import finding
from plusone.judge.run import trunk_of
from plusone.judge.thresholds import EVEN, NARROW
from plusone.records import BlockReport, Bypass, Evidence, Finding, Value


def judge_unlikely(evidence: Evidence, others: Iterable[Finding]) -> list[Finding]:
    """G203 or A305 where training is unlikely by their quantity and no other finding tells why.

    Where the fall or the spread of the gradient says it most, though neither is beyond a limit, the
    verdict stands without a finding.
    """
    if evidence.cut_blocks or any(f.code[0] in "GAN" for f in others):
        return []
    found = quantities(evidence)
    if found is None or probability(found) >= EVEN:
        return []
    worst = next(iter(harms(found)))
    if worst not in ("collapse", "geometry"):
        return []
    return [_collapsed(evidence) if worst == "collapse" else _lost(evidence)]


def _collapsed(evidence: Evidence) -> Finding:
    bypass = evidence.end_to_end.bypass
    value, healthy = evidence.end_to_end.gradient_collapse, healthy_within_code(bypass)[0]
    reason = (
        "whatever the loss asks for, the first block hears nearly the same: two random directions "
        f"at the output send gradients there with a mean cos^2 of {_share(value)} "
        f"({healthy:.2f} in nets that train{_with_code(bypass)})"
    )
    trunk = trunk_of(evidence)
    where = trunk[0].name if trunk else ""
    narrow = _narrow(trunk)
    if narrow is not None:
        where = narrow.name
        reason += f"; all of it passes the {_width(narrow)} numbers that leave {where}"
    return _beside_code(bypass, finding("G203", where, value, None, reason))


def _narrow(blocks: tuple[BlockReport, ...]) -> BlockReport | None:
    """The first block of fewest numbers a sample, if that is far fewer than others have.

    None where there are skips: what passes a narrow block there is not all.
    """
    if any(block.kind != "plain" for block in blocks):
        return None
    known = [block for block in blocks if len(block.shape) > 1]
    if not known:
        return None
    least = min(known, key=_width)
    usual = sorted(map(_width, known))[len(known) // 2]
    return least if NARROW * _width(least) <= usual else None


def _width(block: BlockReport) -> int:
    return math.prod(block.shape[1:])


def _lost(evidence: Evidence) -> Finding:
    bypass = evidence.end_to_end.bypass
    value, healthy = evidence.end_to_end.input_alignment, healthy_within_code(bypass)[1]
    reason = (
        "how the samples lie to each other is lost on the way: the alignment of what the last "
        f"layer reads with the input is {_share(value)} ({healthy:.2f} in nets that train"
        f"{_with_code(bypass)})"
    )
    return _beside_code(bypass, finding("A305", _alike_from(evidence), value, None, reason))


def _with_code(bypass: Bypass | None) -> str:
    if bypass is None or not is_narrow(bypass):
        return ""
    return f", with a latent of {bypass.size}"


def _beside_code(bypass: Bypass | None, found: Finding) -> Finding:
    """The finding with a remedy that leaves a latent its use: no skip around it (S107)."""
    if bypass is None:
        return found
    remedy = (
        f"{found.remedy} Put skips around layers of the encoder and of the decoder, none around "
        f"the latent at {bypass.latent}."
    )
    return replace(found, remedy=remedy)


def _share(value: Value) -> str:
    return f"{value.value:.2f}" if value.value is not None else value.state


def _alike_from(evidence: Evidence) -> str:
    """The block in which the angle between samples shrinks most, if that is what happens; else the
    first: there the loss of geometry begins."""
    trunk = [block for block in trunk_of(evidence) if block.similarity.is_finite]
    apart = [max(1.0 - float(block.similarity), 1e-16) for block in trunk]
    if len(trunk) > 1 and apart[-1] < apart[0]:
        steps = [math.log(after / before) for before, after in pairwise(apart)]
        return trunk[1 + steps.index(min(steps))].name
    blocks = trunk_of(evidence)
    return blocks[0].name if blocks else ""
