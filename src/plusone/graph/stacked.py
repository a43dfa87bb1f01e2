"""Sums that are written as a stack, summed or averaged over the axis of the stack."""

from __future__ import annotations

from collections import Counter

from plusone.capture.trace import Op, Trace
from plusone.graph.opkinds import MOVING


def sums_of_stacks(trace: Trace) -> dict[int, Op]:
    """The operations that add up a stack, as the additions of its members that they are.

    stack([x, f(x)]).sum(0), .mean(0), and einsum("kbd->bd", ...), where nothing else reads the
    stack. Told by the shapes: what is left is the shape of one member. A stack of n things in a
    batch of n samples, added up over the samples, looks the same and is never written.
    """
    if not any(op.name == "stack" for op in trace.ops):
        return {}
    readers = Counter(p for op in trace.ops for p, _ in op.parents)
    readers.update(p for p, _ in trace.outputs)
    found = {}
    for number, op in enumerate(trace.ops):
        if op.name not in ("sum", "mean") or len(op.parents) != 1:
            continue
        stack = _stack_above(trace, op, readers)
        if stack is not None and op.shapes[0] == _member(stack):
            share = 1.0 if op.name == "sum" else 1.0 / stack.shapes[0][stack.axis]
            factors = (share,) * len(stack.parents)
            found[number] = op._replace(name="add", parents=stack.parents, factors=factors)
    return found


def _stack_above(trace: Trace, op: Op, readers: Counter[int]) -> Op | None:
    number = op.parents[0][0]
    while readers[number] == 1:
        above = trace.ops[number]
        if above.name == "stack":
            return above if len(above.parents) > 1 and above.axis >= 0 else None
        if above.name not in MOVING or len(above.parents) != 1:
            return None
        number = above.parents[0][0]
    return None


def _member(stack: Op) -> tuple[int, ...]:
    shape = stack.shapes[0]
    return shape[: stack.axis] + shape[stack.axis + 1 :]
