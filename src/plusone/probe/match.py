"""The same value in two recordings of one model: the second is made for Jacobians."""

from __future__ import annotations

from collections import defaultdict

from plusone.capture.trace import Trace, ValueRef

_Key = tuple[str, int, str]


class TraceMatch:
    """Finds a value of one trace in another: same module call, same operation, same turn.

    Where a module call runs that operation another number of times (attention in its plain
    form), the turn is counted from the end. The result of a frozen batch norm is the last
    operation of its call.
    """

    def __init__(self, first: Trace, second: Trace) -> None:
        self._first, self._second = first, second
        self._turns_first = _turns(first)
        self._turns_second = _turns(second)
        self._last_in_call: dict[tuple[str, int], int] = {}
        for number, op in enumerate(second.ops):
            call = second.calls[op.call]
            if any(op.is_float):
                self._last_in_call[call.path, call.turn] = number

    def twin(self, value: ValueRef) -> ValueRef | None:
        """The value in the second trace that `value` of the first became, or None."""
        number, out = value
        op = self._first.ops[number]
        if number in self._first.inputs:
            turn = self._first.inputs.index(number)
            inputs = self._second.inputs
            return (inputs[turn], out) if turn < len(inputs) else None
        key = _key(self._first, number)
        mine, theirs = self._turns_first[key], self._turns_second.get(key, [])
        position = mine.index(number)
        if len(mine) == len(theirs):
            found: int | None = theirs[position]
        elif len(mine) - position <= len(theirs):
            found = theirs[position - len(mine)]
        else:
            found = self._last_in_call.get((key[0], key[1])) if "batch_norm" in op.name else None
        if found is None or not _same_form(op.shapes, self._second.ops[found].shapes, out):
            return None
        return found, out


def _key(trace: Trace, number: int) -> _Key:
    op = trace.ops[number]
    call = trace.calls[op.call]
    return call.path, call.turn, op.name


def _turns(trace: Trace) -> dict[_Key, list[int]]:
    turns: dict[_Key, list[int]] = defaultdict(list)
    for number in range(len(trace.ops)):
        turns[_key(trace, number)].append(number)
    return dict(turns)


def _same_form(
    first: tuple[tuple[int, ...], ...], second: tuple[tuple[int, ...], ...], out: int
) -> bool:
    if out < 0 or out >= len(first) or out >= len(second):
        return False
    return len(first[out]) == len(second[out]) and first[out][1:] == second[out][1:]
