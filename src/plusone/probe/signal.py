"""The forward profile: second moments at the places that can be a block's border."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from plusone.capture.trace import Trace, ValueRef
from plusone.graph.opkinds import ADD, CONCAT, MIXING, base_name
from plusone.probe.batchnorm import Statistics, StatisticsObserver
from plusone.probe.moments import Moments, mean_square, moments

_JOINS = ADD | CONCAT
_OBSERVED = _JOINS | MIXING


class SignalObserver:
    """Reads the operands and results of sums and the results of layers while the forward runs.

    Which of them are the borders of blocks is known only after the forward, and by then tensors
    are overwritten, so each is read once, at its time. `results` maps an operation to the
    moments of what it made, `squares` a value that a join read to its mean squares, sample by
    sample.
    """

    def __init__(self, batch: int | None) -> None:
        self._batch = batch
        self.results: dict[int, Moments] = {}
        self.squares: dict[ValueRef, torch.Tensor] = {}
        self._norms = StatisticsObserver()

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        """Read the terms of a sum (or concatenation) that were not read before."""
        if base_name(name) not in _JOINS:
            return
        for value, operand in zip(values, operands, strict=True):
            if value not in self.squares and _is_signal(operand):
                self.squares[value] = mean_square(operand, self._batch)

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        """Read the result of a sum, a concatenation or a layer."""
        self._norms.after(number, name, outputs)
        if base_name(name) in _OBSERVED and _is_signal(outputs[0]):
            self.results[number] = moments(outputs[0], self._batch)

    def statistics(self, trace: Trace) -> Statistics:
        """Mean and inverse deviation of every batch norm that used those of the batch."""
        return self._norms.by_call(trace)

    def at(self, value: ValueRef, start: int) -> Moments | None:
        """The moments at a value, or of the last thing read before it, after operation `start`."""
        for number in range(value[0], start, -1):
            if number in self.results:
                return self.results[number]
        return None


def _is_signal(tensor: torch.Tensor) -> bool:
    return not tensor.is_meta and (tensor.is_floating_point() or tensor.is_complex())
