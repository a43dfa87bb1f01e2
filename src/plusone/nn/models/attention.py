"""Attention of a decoder's state over a source: additive and general.

Bahdanau et al. 2015 (arXiv 1409.0473, section A.1.2) and Luong et al. 2015 (arXiv 1508.04025,
equation 8). The softmax runs over positions that `mask` [N, S] keeps (True), all without one.

Test: see `seq2seq`; both against their formulas written out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """softmax_j(v . tanh(W s + U h_j)); v starts at zero, so that all weights are equal."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask = nn.Linear(width, width, bias=False)
        self.answer = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.normal_(self.ask.weight, std=0.001)
        nn.init.normal_(self.answer.weight, std=0.001)
        nn.init.zeros_(self.score.weight)

    def keys(self, memory: Tensor) -> Tensor:
        """U h_j [N, S, width], which is the same at each step."""
        keys: Tensor = self.answer(memory)
        return keys

    def forward(self, state: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """The weights [N, S] of a state [N, width]."""
        scores = self.score(torch.tanh(self.ask(state).unsqueeze(1) + keys)).squeeze(2)
        return masked_softmax(scores, mask)


class GeneralAttention(nn.Module):
    """softmax_j(s . W h_j)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.answer = nn.Linear(width, width, bias=False)

    def forward(self, states: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """The weights [N, T, S] of states [N, T, width] over a memory [N, S, width]."""
        scores = states @ self.answer(memory).mT
        return masked_softmax(scores, None if mask is None else mask.unsqueeze(1))


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The softmax over the last axis, with weights of exactly 0 where `mask` is False."""
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)
