"""The forward profile: second moments at the places that can be a block's border."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, CONCAT, MIXING, SHAPE_ONLY, base_name
from plusone.probe.batchnorm import Statistics, StatisticsObserver
from plusone.probe.moments import Moments, mean_square, moments

_JOINS = ADD | CONCAT
_OBSERVED = _JOINS | MIXING


class SignalObserver:
    """Reads sums with their operands, layers, and what stands before the next of them.

    Which of them are the borders of blocks is known only after the forward, and by then tensors
    are overwritten, so each is read once, at its time. A plain block ends behind its activation:
    the last result before the next layer or sum is read as well, unless it was overwritten by
    then. `results` maps an operation to the moments of what it made, `squares` a value that a
    join read to its mean squares, sample by sample.
    """

    def __init__(self, batch: int | None) -> None:
        self._batch = batch
        self.reset()

    def reset(self) -> None:
        """Forget everything that was read."""
        self.results: dict[int, Moments] = {}
        self.squares: dict[ValueRef, torch.Tensor] = {}
        self._norms = StatisticsObserver()
        self._pending: tuple[int, torch.Tensor, int] | None = None

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        """Read the terms of a sum (or concatenation) that were not read before."""
        if base_name(name) not in _JOINS:
            return
        self._settle()
        for value, operand in zip(values, operands, strict=True):
            if value not in self.squares and _is_signal(operand):
                self.squares[value] = mean_square(operand, self._batch)

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        """Read the result of a sum, a concatenation or a layer; keep that of another operation."""
        self._norms.after(number, name, outputs)
        if not _is_signal(outputs[0]):
            return
        if base_name(name) in _OBSERVED:
            self._settle()
            self._read(number, outputs[0])
        elif self._may_end_a_block(name, outputs[0]):
            # Autograd counts a write once the operation has returned, which is after this.
            version = outputs[0]._version + name.endswith("_")
            self._pending = (number, outputs[0], version)

    def statistics(self, trace: Trace) -> Statistics:
        """Mean and inverse deviation of every batch norm that used those of the batch."""
        return self._norms.by_call(trace)

    def at(self, value: ValueRef, start: int) -> Moments | None:
        """The moments at a value, or of the last thing read before it, after operation `start`."""
        self._settle()
        for number in range(value[0], start, -1):
            if number in self.results:
                return self.results[number]
        return None

    def _read(self, number: int, tensor: torch.Tensor) -> None:
        self.results[number] = moments(tensor, self._batch)
        self.squares.setdefault((number, 0), self.results[number].square)

    def _settle(self) -> None:
        if self._pending is not None:
            number, tensor, version = self._pending
            if tensor._version == version:
                self._read(number, tensor)
        self._pending = None

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
