"""What the branches of blocks read, and which of them nothing can wake."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from plusone.capture.trace import Trace
from plusone.graph.opkinds import base_name
from plusone.graph.skipgraph import Block, SkipGraph
from plusone.probe.profile import Profile, length
from plusone.records import Value


class Branch(NamedTuple):
    """What a branch reads: its parameters, and whether chance decides if a sample takes it."""

    names: tuple[str, ...] = ()
    is_random: bool = False


def branches_of(trace: Trace, graph: SkipGraph) -> dict[str, Branch]:
    """For each residual block, by name, what is read on all ways from entry to join but the skip.

    Weights that are computed from parameters (weight normalisation) count by those. Followed on
    the trace, so that blocks around other blocks are covered too. Cost: linear in the operations
    inside the blocks; of long blocks around others, the first `_SWEEPS` times the net.
    """
    is_signal = [False] * len(trace.ops)
    for number, op in enumerate(trace.ops):
        is_signal[number] = number in trace.inputs or any(is_signal[p] for p, _ in op.parents)
    budget = _SWEEPS * len(trace.ops)
    found = {}
    for block in graph.blocks:
        budget -= length(block) if block.is_composite else 0
        if block.kind == "residual" and budget > 0:
            found[block.name] = _branch(trace, block, is_signal)
    return found


def _branch(trace: Trace, block: Block, is_signal: list[bool]) -> Branch:
    entry, join = block.operations
    inside = {entry}
    for number in range(entry + 1, join + 1):
        if any(parent in inside for parent, _ in trace.ops[number].parents):
            inside.add(number)
    params = set(trace.ops[join].params)
    is_random = False
    stack, seen = [number for number, _ in block.branches], {entry}
    while stack:
        number = stack.pop()
        if number in seen:
            continue
        seen.add(number)
        op = trace.ops[number]
        params.update(op.params)
        if op.params and is_signal[number] and number not in inside:
            continue  # the layer that makes a gate of another input; what is before is not ours
        one_each = math.prod(op.shapes[0]) <= (trace.batch or 1)
        is_random |= one_each and base_name(op.name) in _RANDOM
        stack.extend(parent for parent, _ in op.parents)
    return Branch(tuple(trace.parameters[p] for p in sorted(params)), is_random)


_SWEEPS = 20
# Stochastic depth draws one number for each sample.
_RANDOM = ("bernoulli", "rand", "uniform", "rand_like")
_BIAS = re.compile(r"(^|_)(b|bias|beta|shift)_?\d*$")


def dead_blocks(
    profile: Profile, branches: Mapping[str, Branch], ratios: Mapping[str, Value]
) -> tuple[str, ...]:
    """Residual blocks whose branch nothing can wake: it does not learn, whatever the batch.

    Dead is a branch whose weights get no gradient at all while one arrives behind it; biases do
    not count, since they cannot make the branch depend on its input. A branch that starts at zero
    through one zero factor (ReZero, a zero last gain) is not dead: that factor gets a gradient.
    Frozen weights are no fault; a branch of frozen weights is dead only if it gives exactly zero.
    """
    if profile.gradient is None:
        return ()
    dead = []
    for block in profile.graph.blocks:
        gradient = profile.gradient.at.get(block.output)
        branch = branches.get(block.name)
        if branch is None or gradient is None or not float(gradient.mean()) > _FAINT:
            continue
        known = profile.gradient.parameters
        weights = [known[n] for n in branch.names if n in known and not _is_bias(n)]
        learns = any(s is not None and s != 0.0 for s in weights)
        learns = learns if weights else ratios[block.name].value != 0.0
        if not learns and not branch.is_random:
            dead.append(block.name)
    return tuple(dead)


# A squared gradient below this may give weight gradients that underflow to zero in float32.
_FAINT = 1e-40


def _is_bias(name: str) -> bool:
    return _BIAS.search(name.rpartition(".")[2]) is not None
