"""Networks without a fault for sequences, as users write them."""

from __future__ import annotations

import torch
from benchmarks.repair.tasks import CONTEXT, LANGUAGES
from torch import Tensor, nn


class TransformerLM(nn.Module):
    """A causal character model of PyTorch's transformer layers."""

    def __init__(self, vocab: int, layers: int, *, norm_first: bool, d_model: int = 48) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.pos = nn.Parameter(torch.randn(CONTEXT, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(
            d_model, 4, 96, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        norm = nn.LayerNorm(d_model) if norm_first else None
        self.encoder = nn.TransformerEncoder(layer, layers, norm, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, vocab)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.embed(idx) + self.pos[: idx.size(1)]
        mask = nn.Transformer.generate_square_subsequent_mask(idx.size(1))
        return self.decoder(self.encoder(x, mask=mask, is_causal=True))


class LSTMLM(nn.Module):
    """A character model on a 2-layer LSTM."""

    def __init__(self, vocab: int, hidden: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(hidden, vocab)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.lstm(self.embed(x))
        return self.fc(h)


class NameGRU(nn.Module):
    """A language from a GRU's last state."""

    def __init__(self, vocab: int, hidden: int = 48) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, LANGUAGES)

    def forward(self, x: Tensor) -> Tensor:
        _, state = self.gru(self.embed(x))
        return self.fc(state[-1])


class AttentionSeq2Seq(nn.Module):
    """LSTM to LSTM with dot-product attention over the source (Luong et al. 2015)."""

    def __init__(self, vocab: int, hidden: int = 48) -> None:
        super().__init__()
        self.src_embed = nn.Embedding(vocab, hidden)
        self.tgt_embed = nn.Embedding(vocab, hidden)
        self.encoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.decoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.attn = nn.Linear(hidden, hidden, bias=False)
        self.combine = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        memory, state = self.encoder(self.src_embed(src))
        output, _ = self.decoder(self.tgt_embed(tgt), state)
        scores = torch.bmm(output, self.attn(memory).transpose(1, 2))
        context = torch.bmm(scores.softmax(dim=-1), memory)
        return self.out(torch.tanh(self.combine(torch.cat([context, output], dim=-1))))


class SmallViT(nn.Module):
    """A vision transformer of 4 pre-norm layers on 16 patches."""

    def __init__(self, dim: int = 48, depth: int = 4) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, dim, 7, stride=7)
        self.pos = nn.Parameter(torch.zeros(1, 16, dim))
        nn.init.trunc_normal_(self.pos, std=0.02)
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    dim, 4, 96, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(depth)
            ]
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))
