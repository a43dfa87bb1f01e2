"""The raw profile: what was read in one forward and its backward, and where to find it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from plusone.capture.trace import Op, Trace, ValueRef
from plusone.graph.opkinds import MIXING, base_name
from plusone.graph.skipgraph import Block, SkipGraph
from plusone.probe.gradient import GradientProfile
from plusone.probe.moments import Moments
from plusone.probe.signal import SignalObserver
from plusone.records import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The raw profile: what the observer read, and the gradients (None where none was made)."""

    trace: Trace
    graph: SkipGraph
    signal: SignalObserver
    gradient: GradientProfile | None


def read_borders(profile: Profile) -> None:
    """Read the signal where blocks begin, join and end, and let go of all other tensors.

    Where it is not finite, everything is read, so that the first place can be named.
    """
    signal, is_finite = profile.signal, True
    for block in profile.graph.blocks:
        moments = reading_at(profile, block)
        is_finite = is_finite and (moments is None or bool(torch.isfinite(moments.square).all()))
        if moments is not None:
            signal.results[positions_of(profile, block)]  # reads it
        for value in (block.skip_value, *block.branches):
            if value is not None:
                signal.square(value)
    ends = [signal.at(value, -1) for value in profile.trace.outputs]
    if not is_finite or not all(m is None or bool(torch.isfinite(m.square).all()) for m in ends):
        signal.results.values()
    signal.forget()


def reading_at(profile: Profile, block: Block) -> Moments | None:
    """The moments of the block's output, or of the last thing read inside it."""
    return profile.signal.at(block.output, block.entry[0])


def reading_of(profile: Profile, block: Block) -> int:
    """The operation whose result was read for the block: the last one read that is inside it."""
    read = profile.signal.results
    return next(n for n in range(block.output[0], block.entry[0], -1) if n in read)


def positions_of(profile: Profile, block: Block) -> int:
    """The operation whose result's positions are compared for the block: what was read for it.

    A layer that is nonlinear in a pair of nodes (GATv2's scores, an MLP on edges) makes a block
    that ends at rows which are edges. There it is the last result noted that descends from the
    block's output, has a row of several numbers for each node, and comes before the next block and
    the next layer with weights: what the messages add up to, behind its bias and activation.
    """
    nodes, ops, number = profile.signal.nodes, profile.trace.ops, reading_of(profile, block)
    if nodes is None or _is_of_nodes(ops[number], nodes.count):
        return number
    start, found = block.output[0], number
    later = (b.entry[0] for b in profile.graph.blocks if b.entry[0] > start)
    descends = {start}
    for k in range(start + 1, min(later, default=len(ops) - 1) + 1):
        if not any(parent in descends for parent, _ in ops[k].parents):
            continue
        if found != number and ops[k].params and base_name(ops[k].name) in MIXING:
            break
        descends.add(k)
        if k in profile.signal.results and _is_of_nodes(ops[k], nodes.count):
            found = k
    return found


def _is_of_nodes(op: Op, count: int) -> bool:
    shape = op.shapes[0]
    return len(shape) > 1 and shape[0] == count and shape[-1] > 1


def per_sample(trace: Trace, value: ValueRef) -> int:
    """Elements per sample, also where samples and positions share the leading dimension."""
    shape = trace.ops[value[0]].shapes[max(value[1], 0)]
    batch = trace.batch
    is_batch = batch is not None and bool(shape) and shape[0] % batch == 0
    return max(math.prod(shape) // batch if batch and is_batch else math.prod(shape), 1)


def length(block: Block) -> int:
    """How many operations ran from the block's entry to its output."""
    return block.operations[1] - block.operations[0]


def rms(square: torch.Tensor) -> Value:
    """The root of the mean of per-sample mean squares, with the standard error by propagation."""
    mean = float(square.mean())
    root = math.sqrt(mean) if mean >= 0 else math.nan
    n = square.numel()
    if n < 2 or not math.isfinite(mean) or root == 0.0:
        return Value.of(root)
    return Value.of(root, stderr=float(square.std()) / math.sqrt(n) / (2 * root))


def ratio_of_rms(above: torch.Tensor, below: torch.Tensor) -> Value:
    """rms(above) / rms(below) over all samples, from the mean squares of each.

    r^2 = sum(above) / sum(below), with the standard error of a ratio estimate: the spread of
    above - r^2 below (Cochran 1977, sec. 2.11). A sample counts by its size, so one of zeros is
    none.
    """
    mean = float(below.mean())
    square = float(above.mean() / below.mean())
    root = math.sqrt(square) if square >= 0 else math.nan
    n = above.numel()
    if n < 2 or not math.isfinite(square) or root == 0.0:
        return Value.of(root)
    spread = float((above - square * below).std()) / mean / math.sqrt(n)
    return Value.of(root, stderr=spread / (2 * root))
