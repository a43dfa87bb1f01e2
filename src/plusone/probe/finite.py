"""Where a signal or a gradient stops being finite first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch

from plusone.capture.trace import ValueRef
from plusone.graph.opkinds import ADD, base_name
from plusone.probe.branches import Branch
from plusone.probe.gradient import GradientProfile
from plusone.probe.moments import Moments
from plusone.probe.profile import Profile, length, reading_at


def first_non_finite(profile: Profile, branches: Mapping[str, Branch]) -> tuple[str, str]:
    """Where the signal, or else the gradient, is not finite first, and which of them it is."""
    where = _signal_breaks(profile)
    if where or profile.gradient is None:
        return where, "signal" if where else ""
    where, is_inside = _gradient_breaks(profile, profile.gradient, branches)
    if where:
        return where, "gradient" if is_inside else "gradient behind the last block"
    sizes = profile.gradient.parameters.items()
    bad = [n for n, size in sizes if size is not None and not math.isfinite(size)]
    return (bad[0].rpartition(".")[0] or bad[0], f"gradient of {bad[0]}") if bad else ("", "")


def _signal_breaks(profile: Profile) -> str:
    """The first block, or the layer before it, whose result is not finite.

    Only what a block or the model passes on counts: masked attention scores are infinite on
    purpose.
    """
    found = [b for b in profile.graph.blocks if not _is_finite(reading_at(profile, b))]
    ends = [profile.signal.at(value, -1) for value in profile.trace.outputs]
    if not found and all(_is_finite(m) for m in ends):
        return ""
    start = found[0].operations[0] if found else len(profile.trace.ops)
    fine = [b.operations[1] for b in profile.graph.blocks if b.operations[1] <= start]
    before = _first_bad_layer(profile, max(fine, default=-1), start)
    if before is not None:
        return _place_of(profile, before)
    return found[0].name if found else "model"


def _gradient_breaks(
    profile: Profile, gradient: GradientProfile, branches: Mapping[str, Branch]
) -> tuple[str, bool]:
    """The block that a finite gradient enters from above and leaves below as something else.

    Or what stands behind the last block, if the gradient is not finite when it arrives there, and
    False.
    """

    def is_bad(value: ValueRef) -> bool:
        square = gradient.at.get(value)
        return square is not None and not bool(torch.isfinite(square).all())

    blocks = profile.graph.blocks
    broken = [b for b in blocks if is_bad(b.entry) and not is_bad(b.output)]
    if broken:
        # Blocks around the culprit break as well, and so does one beside it with the same entry.
        names = {b.name: branches.get(b.name, Branch()).names for b in broken}
        return min(
            broken, key=lambda b: (not _has_bad_weights(gradient, names[b.name]), length(b))
        ).name, True
    above = [b for b in blocks if is_bad(b.output)]
    if not above:
        return "", True
    behind = min(max(b.output[0] for b in above) + 1, len(profile.trace.ops) - 1)
    return profile.trace.calls[profile.trace.ops[behind].call].path or "model", False


def _has_bad_weights(gradient: GradientProfile, names: Iterable[str]) -> bool:
    sizes = [gradient.parameters.get(n) for n in names]
    return any(s is not None and not math.isfinite(s) for s in sizes)


def _is_finite(moments: Moments | None) -> bool:
    return moments is None or bool(torch.isfinite(moments.square).all())


def _first_bad_layer(profile: Profile, after: int, until: int) -> int | None:
    for number in sorted(n for n in profile.signal.results if after < n <= until):
        is_sum = base_name(profile.trace.ops[number].name) in ADD
        if not is_sum and not _is_finite(profile.signal.results[number]):
            return number
    return None


def _place_of(profile: Profile, number: int) -> str:
    inside = [b for b in profile.graph.blocks if b.operations[0] < number <= b.operations[1]]
    if inside:
        return min(inside, key=lambda b: b.operations[1] - b.operations[0]).name
    call = profile.trace.calls[profile.trace.ops[number].call]
    return call.path or "model"
