"""From end to end: how the gradient and the signal change over the stream that has the skips."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, MIXING, base_name
from plusone.graph.skipgraph import SkipGraph
from plusone.probe.profile import Profile, per_sample
from plusone.records import NOT_MEASURED, BlockReport, Value


def gradient_ratio(profile: Profile) -> Value:
    """log10(|g_in| / |g_out|), the mean over samples; of the batch where those do not match."""
    first, last = _stream_start(profile.trace, profile.graph), profile.graph.last
    if profile.gradient is None or first is None or last is None:
        return NOT_MEASURED
    at = profile.gradient.at
    if first not in at:  # a model may take its inputs out of autograd: start behind that
        first = next((b.output for b in profile.graph.blocks if b.output in at), first)
    g_in, g_out = at.get(first), at.get(last)
    if g_in is None or g_out is None:
        return NOT_MEASURED
    g_in = g_in * per_sample(profile.trace, first)
    g_out = g_out * per_sample(profile.trace, last)
    if g_in.shape != g_out.shape:
        g_in, g_out = g_in.mean().reshape(1), g_out.mean().reshape(1)
    arrives = g_out != 0  # a loss may leave a sample out
    if not bool(arrives.any()):
        return Value.of(math.nan)
    logs = 0.5 * torch.log10(g_in[arrives] / g_out[arrives])
    # One sample that a ReLU shuts out is no verdict on the net; most of them are.
    reached = logs[logs > -math.inf] if float(logs.median()) > -math.inf else logs
    n = reached.numel()
    spread = float(reached.std()) / math.sqrt(n) if n > 1 else None
    return Value.of(float(reached.mean()), stderr=spread)


def _stream_start(trace: Trace, graph: SkipGraph) -> ValueRef | None:
    """The entry of the first block of a stream that has skips, or of the first block.

    A stream are the blocks whose entries come from one another. An encoder is a stream of its
    own; the plain layers that make gates of a condition (which start at zero in a DiT) are none.
    """
    ends = _ends(trace, graph)
    start: list[int] = []
    for k, block in enumerate(graph.blocks):
        above = _nearest(trace, block.entry[0], ends, k)
        start.append(k if above is None else start[above])
    with_skips = {start[k] for k, block in enumerate(graph.blocks) if block.kind == "residual"}
    return min((graph.blocks[k].entry for k in with_skips), default=graph.first)


def _ends(trace: Trace, graph: SkipGraph) -> dict[int, int]:
    """The operations at the end of each block: its join, or its last layer and what is behind.

    A norm or an activation between two plain layers belongs to both of their blocks.
    """
    ends: dict[int, int] = {}
    for k, block in enumerate(graph.blocks):
        number = block.output[0]
        while number > block.entry[0]:
            ends.setdefault(number, k)
            op = trace.ops[number]
            if base_name(op.name) in ADD | MIXING or len(op.parents) != 1:
                break
            number = op.parents[0][0]
    return ends


def _nearest(trace: Trace, number: int, ends: Mapping[int, int], below: int) -> int | None:
    """The last block before block `below` that leads to an operation past no other block."""
    stack, seen, found = [number], {number}, []
    while stack:
        number = stack.pop()
        block = ends.get(number)
        if block is not None and block < below:
            found.append(block)
            continue
        for parent, _ in trace.ops[number].parents:
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return max(found, default=None)


def signal_ratio(blocks: tuple[BlockReport, ...]) -> Value:
    measured = [b.signal_rms for b in blocks if b.signal_rms.is_measured]
    if len(measured) < 2:
        return NOT_MEASURED
    first, last = float(measured[0]), float(measured[-1])
    if last == 0.0:
        return Value.of(-math.inf)
    if first == 0.0 or not math.isfinite(first):
        return Value.of(math.nan)
    return Value.of(math.log10(last / first) if last > 0 else math.nan)
