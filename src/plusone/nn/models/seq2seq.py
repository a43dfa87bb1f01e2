"""Sequence to sequence by recurrent nets: one state between them, or attention over the source.

Without attention: Sutskever et al. 2014 (arXiv 1409.3215); the encoder's last state starts the
decoder, and all of the source has to pass through it. Attention is a skip from each position of the
source to each of the target:
- "additive": Bahdanau et al. 2015 (arXiv 1409.0473, sections 3.1 and A.1.2). The state before a
  step asks, e_ij = v . tanh(W s_(i-1) + U h_j), and the context is read by the step itself.
- "general": Luong et al. 2015 (arXiv 1508.04025, equations 5 and 8). The state after a step asks,
  e_ij = s_i . W h_j, and tanh(W_c [c_i, s_i]) is decoded; no input feeding.
In both, a = softmax(e) and c_i = sum_j a_ij h_j over positions that are not masked.

Weights: with "additive" those of Bahdanau's appendix B.1 (recurrent orthogonal, W and U of
deviation 0.001, v zero, others 0.01), else uniform within 0.1 (Luong, section 4.1). Biases are
zero.

Test: attention sums to 1 and is 0 where masked; masked tokens have no effect; the step-by-step loop
equals torch's recurrent layer where there is no attention; the twin's parameters are a subset.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from plusone.errors import InputError
from plusone.nn.models.attention import AdditiveAttention, GeneralAttention
from plusone.nn.models.checks import check_tokens

Cell = Literal["lstm", "gru"]
AttentionName = Literal["additive", "general"]
_LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU}
State = tuple[Tensor, Tensor] | Tensor


class Seq2Seq(nn.Module):
    """`forward(source [N, S], target [N, T], source_mask [N, S] | None)` to logits [N, T, tokens].

    `target` is what has been written so far (the start and all but the last token), so that logits
    at t are of the next. `source_mask` is True at real tokens, which come before padding.

    Raises:
        InputError: an unknown cell or attention.
    """

    def __init__(
        self,
        num_source_tokens: int,
        num_target_tokens: int,
        *,
        width: int = 64,
        cell: Cell = "lstm",
        attention: AttentionName | None = "additive",
    ) -> None:
        super().__init__()
        if cell not in _LAYERS:
            raise InputError(f"cell is {cell!r}; it must be one of {', '.join(_LAYERS)}.")
        names = get_args(AttentionName)
        if attention is not None and attention not in names:
            raise InputError(f"attention is {attention!r}; it must be {', '.join(names)} or None.")
        self.num_source_tokens, self.num_target_tokens = num_source_tokens, num_target_tokens
        self.cell = cell
        self.source_embedding = nn.Embedding(num_source_tokens, width)
        self.target_embedding = nn.Embedding(num_target_tokens, width)
        self.encoder = _LAYERS[cell](width, width, batch_first=True)
        reads = 2 * width if attention == "additive" else width
        self.decoder = _LAYERS[cell](reads, width, batch_first=True)
        self.additive = AdditiveAttention(width) if attention == "additive" else None
        self.general = GeneralAttention(width) if attention == "general" else None
        self.mix = nn.Linear(2 * width, width) if attention == "general" else None
        self.head = nn.Linear(width, num_target_tokens)
        self._initialise(attention)

    def forward(self, source: Tensor, target: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """Raises:
        InputError: no [N, S] and [N, T] of tokens, or a mask that does not fit.
        """
        logits, _ = self._run(source, target, source_mask)
        return logits

    def attend(self, source: Tensor, target: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The attention [N, T, S] of each step of the target to the source.

        Raises:
            InputError: the model has none.
        """
        _, weights = self._run(source, target, source_mask)
        if weights is None:
            raise InputError("This Seq2Seq was built with attention=None and has no weights.")
        return weights

    def _run(
        self, source: Tensor, target: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        self._check(source, target, mask)
        memory, state = self._encode(self.source_embedding(source), mask)
        read = self.target_embedding(target)
        if self.additive is not None:
            states, weights = self._step_by_step(self.additive, memory, state, read, mask)
            return self.head(states), weights
        states, _ = self.decoder(read, state)
        if self.general is None or self.mix is None:
            return self.head(states), None
        weights = self.general(states, memory, mask)
        mixed = torch.tanh(self.mix(torch.cat((weights @ memory, states), 2)))
        return self.head(mixed), weights

    def _encode(self, embedded: Tensor, mask: Tensor | None) -> tuple[Tensor, State]:
        """The encoder's outputs [N, S, width] and its state behind each last real token."""
        if mask is None:
            memory, state = self.encoder(embedded)
            return memory, state
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, state = self.encoder(packed)
        memory, _ = pad_packed_sequence(outputs, batch_first=True, total_length=embedded.shape[1])
        return memory, state

    def _step_by_step(
        self,
        attention: AdditiveAttention,
        memory: Tensor,
        state: State,
        read: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """The decoder's outputs [N, T, width], each context asked for by the state before."""
        keys = attention.keys(memory)
        states, weights = [], []
        for step in read.split(1, dim=1):
            hidden = state[0] if isinstance(state, tuple) else state
            weight = attention(hidden[-1], keys, mask)
            context = weight.unsqueeze(1) @ memory
            output, state = self.decoder(torch.cat((step, context), 2), state)
            states.append(output)
            weights.append(weight)
        return torch.cat(states, 1), torch.stack(weights, 1)

    def _check(self, source: Tensor, target: Tensor, mask: Tensor | None) -> None:
        check_tokens(source, "source tokens [N, S]", self.num_source_tokens)
        check_tokens(target, "target tokens [N, T]", self.num_target_tokens)
        if len(source) != len(target):
            raise InputError(
                f"Sources and targets come in pairs; got {len(source)} and {len(target)}."
            )
        if mask is None:
            return
        if mask.shape != source.shape or mask.dtype != torch.bool:
            raise InputError(
                f"source_mask is a bool tensor of the source's shape {tuple(source.shape)}; got "
                f"{mask.dtype} of {tuple(mask.shape)}."
            )
        if not bool(mask[:, 0].all()) or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
            raise InputError(
                "source_mask must be True for at least the first token and then up to the last "
                "real one: padding comes behind."
            )

    def _initialise(self, attention: AttentionName | None) -> None:
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif attention != "additive":
                nn.init.uniform_(parameter, -0.1, 0.1)
            elif "weight_hh" in name:
                for gate in parameter.detach().split(parameter.shape[1]):
                    nn.init.orthogonal_(gate)
            elif not name.startswith("additive."):  # which has set its own
                nn.init.normal_(parameter, std=0.01)
