"""The forward profile: second moments at the places that can be a block's border."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, CONCAT, MIXING, POOLING, SHAPE_ONLY, base_name
from plusone.probe.batchnorm import Statistics, StatisticsObserver
from plusone.probe.moments import Moments, mean_square, moments
from plusone.probe.nodes import Nodes
from plusone.probe.readings import Readings

_JOINS = ADD | CONCAT
_OBSERVED = _JOINS | MIXING


class SignalObserver:
    """Notes sums with their operands, layers, and what stands before the next of them.

    Which of them are the borders of blocks is known only after the forward. So tensors are noted,
    and read when they are asked for, or just before something is written into them. A plain
    block ends behind its activation: the last result before the next layer or sum is noted as
    well, unless it was overwritten by then. `results` maps an operation to the moments of what
    it made, `squares` a value that a join read to its mean squares, sample by sample.
    """

    def __init__(self, batch: int | None, nodes: Nodes | None = None) -> None:
        self._batch, self.nodes = batch, nodes
        self.reset()

    def reset(self) -> None:
        """Forget everything that was noted."""
        batch, nodes = self._batch, self.nodes
        self.results: Readings[int, Moments] = Readings(lambda t: moments(t, batch, nodes))
        self.squares: Readings[ValueRef, torch.Tensor] = Readings(self._square_of)
        self._norms = StatisticsObserver()
        self._pending: tuple[int, torch.Tensor, int] | None = None
        self._member: torch.Size | None = None  # the shape of what the last join stacked

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        """Note the terms of a sum (or concatenation)."""
        if base_name(name) not in _JOINS:
            return
        self._settle()
        self._member = operands[0].shape if base_name(name) == "stack" and operands else None
        for value, operand in zip(values, operands, strict=True):
            if value not in self.squares and _is_signal(operand):
                self.squares.note(value, operand)

    def writing(self, tensors: Sequence[torch.Tensor]) -> None:
        """Read what is about to be written over."""
        for tensor in tensors:
            self.results.about_to_change(tensor)
            self.squares.about_to_change(tensor)

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        """Note the result of a sum, a concatenation or a layer, perhaps of another operation."""
        self._norms.after(number, name, outputs)
        if not _is_signal(outputs[0]):
            return
        if base_name(name) in _OBSERVED or self._adds_up_a_stack(name, outputs[0]):
            self._settle()
            self.results.note(number, outputs[0])
        elif self._may_end_a_block(name, outputs[0]):
            if base_name(name) in POOLING or self._leaves_the_nodes(outputs[0]):
                self._settle()  # what was pooled, or gathered by edges, is asked for too
            # Autograd counts a write once the operation has returned, which is after this.
            version = outputs[0]._version + name.endswith("_")
            self._pending = (number, outputs[0], version)

    def statistics(self, trace: Trace) -> Statistics:
        """Mean and inverse deviation of every batch norm that used those of the batch."""
        return self._norms.by_call(trace)

    def at(self, value: ValueRef, start: int) -> Moments | None:
        """The moments at a value, or of the last thing noted before it, after operation `start`."""
        self._settle()
        for number in range(value[0], start, -1):
            if number in self.results:
                return self.results[number]
        return None

    def tensor(self, value: ValueRef) -> torch.Tensor | None:
        """The tensor at a value, if it was noted and is neither read nor written over."""
        self._settle()
        found = self.results.waiting(value[0]) if value[1] == 0 else None
        return self.squares.waiting(value) if found is None else found

    def square(self, value: ValueRef) -> torch.Tensor | None:
        """The mean squares of a value that a join read, or that was noted itself."""
        if value in self.squares:
            return self.squares[value]
        is_noted = value[1] == 0 and value[0] in self.results
        return self.results[value[0]].square if is_noted else None

    def forget(self) -> None:
        """Let go of the tensors that nobody asked for."""
        self.results.forget()
        self.squares.forget()
        self._pending = None

    def _square_of(self, tensor: torch.Tensor) -> torch.Tensor:
        return mean_square(tensor, self._batch)

    def _settle(self) -> None:
        if self._pending is not None:
            number, tensor, version = self._pending
            if tensor._version == version:
                self.results.note(number, tensor)
        self._pending = None

    def _adds_up_a_stack(self, name: str, tensor: torch.Tensor) -> bool:
        """Whether this is a sum written as stack([x, f(x)]).sum(0)."""
        return name in ("sum", "mean") and tensor.shape == self._member

    def _leaves_the_nodes(self, tensor: torch.Tensor) -> bool:
        """Whether the pending tensor has a row for each node of a graph, and this one has not."""
        if self._pending is None or self.nodes is None:
            return False
        count, before = self.nodes.count, self._pending[1]
        return before.dim() > 1 and before.shape[0] == count and tensor.shape[:1] != (count,)

    def _may_end_a_block(self, name: str, tensor: torch.Tensor) -> bool:
        """Whether these are new numbers, not the pending ones in another form."""
        if base_name(name) in SHAPE_ONLY or tensor.is_inference():
            return False
        if self._pending is None or name.endswith("_"):
            return True
        before = self._pending[1]
        return (
            tensor.numel() != before.numel()
            or not tensor.layout == before.layout == torch.strided
            or tensor.data_ptr() != before.data_ptr()
        )


def _is_signal(tensor: torch.Tensor) -> bool:
    return not tensor.is_meta and (tensor.is_floating_point() or tensor.is_complex())
