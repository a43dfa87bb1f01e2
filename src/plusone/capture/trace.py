"""What one recorded forward consists of. Imports no torch: a trace is numbers and names.

A *value* is a pair (operation, output number). Every operation knows the values that it reads,
the parameters that it reads, and the module call that it ran in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ValueRef = tuple[int, int]


class Op(NamedTuple):
    """One recorded operation.

    `parents` are the values read, in the order of the arguments; `params` the positions in
    `Trace.parameters` of the parameters read; `call` the position in `Trace.calls`; `shapes` and
    `is_float` describe the outputs; `sequence` is autograd's number for the operation (-1: none);
    `writes` says that the operation wrote into its first operand; `partial`, that it wrote into
    a part of a larger tensor, whose former value is then the last parent. `factors` are the
    numbers by which a sum multiplies its parents, in their order (empty: all are 1); `axis` is the
    dimension along which a concatenation joins (-1: it is none).
    """

    name: str
    parents: tuple[ValueRef, ...]
    params: tuple[int, ...]
    call: int
    shapes: tuple[tuple[int, ...], ...]
    is_float: tuple[bool, ...]
    sequence: int
    writes: bool
    partial: bool
    factors: tuple[float, ...] = ()
    axis: int = -1


class Call(NamedTuple):
    """One call of a module: dotted path, class name, call of the parent module, running number.

    `turn` numbers the calls of the same module from 0. `is_recurrent` marks modules whose inner
    operations are one step of the graph (LSTM, GRU, RNN and their cells).
    """

    path: str
    cls: str
    parent: int
    turn: int
    is_recurrent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The recorded forward: operations in order of execution, module calls, inputs and outputs.

    `calls[0]` is the model's own. `inputs` are the operations that stand for input tensors,
    `outputs` the floating-point values that the model returned. `batch` is the size of the
    leading dimension that all input tensors share, or None. `num_guessed` counts the values that
    the model asked for on the meta device, which has none: it was told 0.
    """

    ops: tuple[Op, ...]
    calls: tuple[Call, ...]
    parameters: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[ValueRef, ...]
    batch: int | None
    num_parameters: int
    num_guessed: int = 0
