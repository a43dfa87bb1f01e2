"""Recurrent networks and transformers that do not train, as users write them."""

from __future__ import annotations

import math

import torch
from benchmarks.repair.tasks import CONTEXT, LANGUAGES
from torch import Tensor, nn
from torch.nn import functional as F


class PostNormLM(nn.Module):
    """A character model of 24 of PyTorch's transformer layers, as they come: post-norm."""

    def __init__(self, vocab: int, d_model: int = 48, layers: int = 24) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.pos = nn.Parameter(torch.randn(CONTEXT, d_model) * 0.02)
        layer = nn.TransformerEncoderLayer(d_model, 4, 96, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, vocab)
        for p in self.encoder.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.embed(idx) + self.pos[: idx.size(1)]
        mask = nn.Transformer.generate_square_subsequent_mask(idx.size(1))
        x = self.encoder(x, mask=mask, is_causal=True)
        return self.decoder(x)


class AttentionLayer(nn.Module):
    """Self-attention and a feed-forward network, one behind the other."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.fc1 = nn.Linear(dim, 2 * dim)
        self.fc2 = nn.Linear(2 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        q, k, v = (s.view(b, t, self.heads, d // self.heads).transpose(1, 2) for s in (q, k, v))
        weights = (q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)).softmax(dim=-1)
        x = self.proj((weights @ v).transpose(1, 2).reshape(b, t, d))
        return self.fc2(F.gelu(self.fc1(self.norm2(x))))


class ForgotTheSkips(nn.Module):
    """A hand-written vision transformer of 8 layers in which x = x + ... became x = ..."""

    def __init__(self, dim: int = 48, depth: int = 8) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, dim, 7, stride=7)
        self.pos = nn.Parameter(torch.zeros(1, 16, dim))
        nn.init.trunc_normal_(self.pos, std=0.02)
        self.blocks = nn.ModuleList([AttentionLayer(dim, 4) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(dim=1))


class Encoder(nn.Module):
    """Reads the source into one state."""

    def __init__(self, vocab: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)

    def forward(self, src: Tensor) -> tuple[Tensor, Tensor]:
        _, state = self.lstm(self.embedding(src))
        return state


class Decoder(nn.Module):
    """Writes the target from that state."""

    def __init__(self, vocab: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, tgt: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        output, _ = self.lstm(self.embedding(tgt), state)
        return self.out(output)


class Seq2Seq(nn.Module):
    """Encoder and decoder with one state between them, no attention."""

    def __init__(self, vocab: int, hidden: int = 48) -> None:
        super().__init__()
        self.encoder = Encoder(vocab, hidden)
        self.decoder = Decoder(vocab, hidden)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        return self.decoder(tgt, self.encoder(src))


class StackedGRU(nn.Module):
    """16 GRUs on top of each other in a loop, a language from the last state."""

    def __init__(self, vocab: int, hidden: int = 32, layers: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.rnns = nn.ModuleList([nn.GRU(hidden, hidden, batch_first=True) for _ in range(layers)])
        self.fc = nn.Linear(hidden, LANGUAGES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for rnn in self.rnns:
            x, _ = rnn(x)
        return self.fc(x[:, -1])


class FusedLSTM(nn.Module):
    """A character model on nn.LSTM(num_layers=10)."""

    def __init__(self, vocab: int, hidden: int = 48, layers: int = 10) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=layers, batch_first=True)
        self.fc = nn.Linear(hidden, vocab)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.lstm(self.embed(x))
        return self.fc(h)
