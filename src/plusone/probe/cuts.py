"""Where autograd's graph is cut on the trunk, so that trainable blocks get no gradient."""

from __future__ import annotations

from plusone.capture.trace import Trace
from plusone.graph.skipgraph import Block
from plusone.probe.gradient import GradientProfile
from plusone.probe.profile import Profile


def cut_blocks(profile: Profile) -> tuple[tuple[str, ...], str]:
    """The blocks in front of a cut, and the block behind it ("" for the head).

    A block is cut off if it has trainable weights and all of them are out of autograd's sight, as
    is its output. That alone is no fault: the teacher of a self-supervised pair, a frozen encoder
    beside the trunk and the codebook under a straight-through estimator are cut off on purpose.
    It is one if nothing else is alive in front of the cut: neither an input nor a layer that reads
    it gets any gradient.
    """
    gradient = profile.gradient
    if gradient is None:
        return (), ""
    cut = [b for b in profile.graph.blocks if _is_cut(profile.trace, b, gradient)]
    if not cut or any((n, 0) in gradient.at for n in profile.trace.inputs):
        return (), ""
    behind = _behind(profile.trace, {b.output[0] for b in cut})
    if _lives_in_front(profile.trace, gradient, behind):
        return (), ""
    alive = [b for b in profile.graph.blocks if b.output in gradient.at and behind[b.entry[0]]]
    if not alive and not all(behind[number] for number, _ in profile.trace.outputs):
        return (), ""
    first = min(alive, key=lambda b: (b.entry, b.output), default=None)
    names = [b.name for b in cut if first is None or b.output <= first.entry]
    return tuple(names), first.name if first is not None and names else ""


def _is_cut(trace: Trace, block: Block, gradient: GradientProfile) -> bool:
    known = gradient.parameters
    weights = [trace.parameters[p] for p in block.parameters if trace.parameters[p] in known]
    return (
        bool(weights) and block.output not in gradient.at and all(known[n] is None for n in weights)
    )


def _behind(trace: Trace, sources: set[int]) -> list[bool]:
    """For each operation whether it is one of `sources` or depends on one."""
    behind = [False] * len(trace.ops)
    for number, op in enumerate(trace.ops):
        behind[number] = number in sources or any(behind[p] for p, _ in op.parents)
    return behind


def _lives_in_front(trace: Trace, gradient: GradientProfile, behind: list[bool]) -> bool:
    """Whether a layer that reads the input, and comes behind no cut, gets a gradient."""
    from_input = _behind(trace, set(trace.inputs))
    known = gradient.parameters
    return any(
        known.get(trace.parameters[p]) is not None
        for number, op in enumerate(trace.ops)
        if op.params and from_input[number] and not behind[number]
        for p in op.params
    )
