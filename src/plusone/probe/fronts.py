"""Concatenations that are made anew, one feature longer, by each layer of a dense block.

A layer of a DenseNet concatenates the list of all earlier features itself: to autograd, the former
concatenation leads nowhere but through the former layer. What the block *is* about, the features
so far, goes on all the same, as the front of the next concatenation. Its gradient is the one that
autograd shows plus the front of the next one's gradient; likewise for Jacobians.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import CONCAT


class Front(NamedTuple):
    """Where a concatenation goes on: the next one, which begins with it along `axis`."""

    next: ValueRef
    axis: int

    def of(self, whole: torch.Tensor, size: int) -> torch.Tensor:
        """The first `size` places of the next one along the axis."""
        return whole.narrow(self.axis, 0, size)


def fronts_of(trace: Trace) -> dict[ValueRef, Front]:
    """For each concatenation the next one, if any, whose list begins with all of its own."""
    found: dict[ValueRef, Front] = {}
    open_: dict[tuple[ValueRef, int], list[int]] = {}
    for number, op in enumerate(trace.ops):
        if op.name not in CONCAT or op.axis < 0 or not op.parents or op.partial:
            continue
        earlier = open_.setdefault((op.parents[0], op.axis), [])
        for other in list(earlier):
            parents = trace.ops[other].parents
            if len(parents) < len(op.parents) and op.parents[: len(parents)] == parents:
                found[other, 0] = Front((number, 0), op.axis)
                earlier.remove(other)
        earlier.append(number)
    return found


def chain_from(value: ValueRef, fronts: dict[ValueRef, Front]) -> list[Front]:
    """The concatenations that `value` is at the front of, one after another."""
    chain = []
    while value in fronts:
        chain.append(fronts[value])
        value = fronts[value].next
    return chain
