"""The same value in two recordings of one model: the second is made for Jacobians."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from difflib import SequenceMatcher
from typing import NamedTuple

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import REFORMED, base_name


class _Call(NamedTuple):
    path: str
    turn: int


# Aligning two long lists of operations takes time in the product of their lengths.
_MAX_ALIGNED = 2000


class TraceMatch:
    """Finds a value of one trace in another: same module call, same operation, same turn.

    Where a module call runs that operation another number of times (attention in its plain
    form), the operations of the call are aligned: the longest stretches of equal names go
    together. The result of a frozen batch norm is the last operation of its call. A view without
    a twin has that of what it views.
    """

    def __init__(self, first: Trace, second: Trace) -> None:
        self._first, self._second = first, second
        self._mine, self._theirs = _by_call(first), _by_call(second)
        self._names_first, self._names_second = _by_name(first), _by_name(second)
        self._aligned: dict[_Call, dict[int, int]] = {}

    def twin(self, value: ValueRef) -> ValueRef | None:
        """The value in the second trace that `value` of the first became, or None."""
        number, out = value
        op = self._first.ops[number]
        if number in self._first.inputs:
            turn = self._first.inputs.index(number)
            inputs = self._second.inputs
            return (inputs[turn], out) if turn < len(inputs) else None
        call = _call_of(self._first, number)
        mine = self._names_first[call, op.name]
        theirs = self._names_second.get((call, op.name), [])
        found: int | None
        if len(mine) == len(theirs):
            found = theirs[bisect_left(mine, number)]
        elif "batch_norm" in op.name and not theirs:
            found = self._last_float(call)
        else:
            found = self._alignment(call).get(number)
        if found is not None and self._has_form(op.shapes, self._second.ops[found].shapes, out):
            return found, out
        return self.twin(op.parents[0]) if self._is_view(number) else None

    def _is_view(self, number: int) -> bool:
        """Whether the operation gives all numbers of its one operand in their order: the twin of
        that has them, too. A linear layer on a strided input makes a copy and folds it just where
        its weight takes a gradient."""
        op = self._first.ops[number]
        if base_name(op.name) not in REFORMED or len(op.parents) != 1 or len(op.shapes) != 1:
            return False
        parent, out = op.parents[0]
        before = self._first.ops[parent].shapes[out]
        return math.prod(op.shapes[0]) == math.prod(before)

    def _has_form(
        self, mine: tuple[tuple[int, ...], ...], theirs: tuple[tuple[int, ...], ...], out: int
    ) -> bool:
        """Whether the shapes are the same but for the number of samples, along any dimension."""
        if out < 0 or out >= len(mine) or out >= len(theirs) or len(mine[out]) != len(theirs[out]):
            return False
        samples = (self._first.batch, self._second.batch)
        pairs = list(zip(mine[out], theirs[out], strict=True))
        return all(a == b or (a, b) == samples for a, b in pairs[1:])

    def _last_float(self, call: _Call) -> int | None:
        floats = (n for n in self._theirs.get(call, []) if any(self._second.ops[n].is_float))
        return max(floats, default=None)

    def _alignment(self, call: _Call) -> dict[int, int]:
        if call not in self._aligned:
            mine, theirs = self._mine[call], self._theirs.get(call, [])
            found: dict[int, int] = {}
            if max(len(mine), len(theirs)) <= _MAX_ALIGNED:
                a = [self._first.ops[n].name for n in mine]
                b = [self._second.ops[n].name for n in theirs]
                for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
                    own = mine[block.a : block.a + block.size]
                    found.update(zip(own, theirs[block.b :], strict=False))
            self._aligned[call] = found
        return self._aligned[call]


def _call_of(trace: Trace, number: int) -> _Call:
    call = trace.calls[trace.ops[number].call]
    return _Call(call.path, call.turn)


def _by_call(trace: Trace) -> dict[_Call, list[int]]:
    calls: dict[_Call, list[int]] = defaultdict(list)
    for number in range(len(trace.ops)):
        calls[_call_of(trace, number)].append(number)
    return dict(calls)


def _by_name(trace: Trace) -> dict[tuple[_Call, str], list[int]]:
    names: dict[tuple[_Call, str], list[int]] = defaultdict(list)
    for number, op in enumerate(trace.ops):
        names[_call_of(trace, number), op.name].append(number)
    return dict(names)
