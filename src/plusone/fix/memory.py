"""Attention from a decoder back to all that an encoder gave, where only its last state passed.

Luong et al. 2015 (arXiv 1508.04025, section 3.1, general score): with decoder outputs q_t and
encoder outputs m_s, c_t = sum_s softmax_s(q_t W m_s / sqrt(d)) m_s. Instead of concatenation and a
new layer, q_t + V c_t with V = 0 at the start: the model computes at first what it did before.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from plusone.fix.line import Around, Line


class Remembered(Around):
    """A module whose output is kept: for a `Splice` further on, or an encoder's for `Recalling`.

    Of a tuple, the first element. With `batch_first=False` it is [time, batch, channels] and kept
    as [batch, time, channels].
    """

    def __init__(self, module: nn.Module, line: Line, *, batch_first: bool = True) -> None:
        super().__init__(module)
        self.line = line
        self.batch_first = batch_first

    def forward(self, *args: object, **kwargs: object) -> object:
        out = self.module(*args, **kwargs)
        sequence = out[0] if isinstance(out, tuple) else out
        self.line.put(sequence if self.batch_first else sequence.transpose(0, 1))
        return out


class Recalling(Around):
    """A decoder, or a decoder's cell, whose output attends to what `Remembered` kept.

    Outputs are [batch, time, channels] (or [time, batch, channels]) or, of a cell, [batch,
    channels]; `num_outputs` are the decoder's channels and `num_inputs` the encoder's.
    """

    def __init__(
        self,
        module: nn.Module,
        line: Line,
        num_inputs: int,
        num_outputs: int,
        *,
        batch_first: bool = True,
    ) -> None:
        super().__init__(module)
        self.line = line
        self.batch_first = batch_first
        self.query = nn.Linear(num_outputs, num_inputs, bias=False)
        self.value = nn.Linear(num_inputs, num_outputs, bias=False)
        nn.init.normal_(self.query.weight, std=num_outputs**-0.5)
        nn.init.zeros_(self.value.weight)

    def forward(self, *args: object, **kwargs: object) -> object:
        out = self.module(*args, **kwargs)
        first = out[0] if isinstance(out, tuple) else out
        joined = first + self._recalled(first)
        return (joined, *out[1:]) if isinstance(out, tuple) else joined

    def _recalled(self, out: Tensor) -> Tensor:
        memory_BSC = self.line.read()
        time_last = out.dim() == 3 and not self.batch_first
        query = out.unsqueeze(1) if out.dim() == 2 else out.transpose(0, 1) if time_last else out
        score = self.query(query) @ memory_BSC.transpose(1, 2) / math.sqrt(memory_BSC.shape[-1])
        context: Tensor = self.value(torch.softmax(score, -1) @ memory_BSC)
        if out.dim() == 2:
            return context.squeeze(1)
        return context.transpose(0, 1) if time_last else context
