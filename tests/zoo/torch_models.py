"""torch's own modules: nn.Transformer, and an LSTM encoder-decoder whose loop the data end."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.entry import Entry, Made, Skips

_WIDTH, _VOCABULARY, _END = 16, 20, 3


def _transformer() -> Made:
    model = nn.Transformer(32, 4, 2, 3, 64, batch_first=True)
    return model, (torch.randn(2, 7, 32), torch.randn(2, 5, 32))


def _encoder() -> Made:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 4, enable_nested_tensor=False), torch.randn(2, 7, 32)


class EncoderDecoder(nn.Module):
    """Reads a sentence by an LSTM and writes words until every sentence has ended, ten at most.

    `attention` is "none", "dot" (Luong 2015) or "additive" (Bahdanau 2015).
    """

    def __init__(self, attention: str) -> None:
        super().__init__()
        self.attention = attention
        self.embed = nn.Embedding(_VOCABULARY, _WIDTH)
        self.encoder = nn.LSTM(_WIDTH, _WIDTH, batch_first=True)
        self.cell = nn.LSTMCell(_WIDTH * (1 if attention == "none" else 2), _WIDTH)
        self.query, self.key = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.score = nn.Linear(_WIDTH, 1)
        self.out = nn.Linear(_WIDTH, _VOCABULARY)

    def forward(self, words: Tensor) -> Tensor:
        """The logits of the words written, one column for each step."""
        states, (h, c) = self.encoder(self.embed(words))
        h, c = h[0], c[0]
        word = torch.zeros(len(words), dtype=torch.long)
        has_ended = torch.zeros(len(words), dtype=torch.bool)
        written: list[Tensor] = []
        while not bool(has_ended.all()) and len(written) < 10:
            x = self.embed(word)
            if self.attention != "none":
                x = torch.cat([x, self.context(states, h)], -1)
            h, c = self.cell(x, (h, c))
            written.append(self.out(h))
            word = written[-1].argmax(-1)
            has_ended |= word == _END
        return torch.stack(written, 1)

    def context(self, states: Tensor, h: Tensor) -> Tensor:
        """The states of the encoder, weighted by how they fit to the decoder's."""
        if self.attention == "dot":
            scores = torch.bmm(states, self.query(h)[:, :, None])
        else:
            scores = self.score(torch.tanh(self.key(states) + self.query(h)[:, None]))
        weights = torch.softmax(scores[..., 0], -1)
        return torch.bmm(weights[:, None], states)[:, 0]


def _sequence(attention: str) -> Made:
    words = torch.randint(4, _VOCABULARY, (2, 6))
    return EncoderDecoder(attention).eval(), words


TORCH_MODELS = (
    Entry(
        name="torch nn.Transformer",
        make=_transformer,
        skips=Skips(identity=2 * 2 + 3 * 3),
        because="2 encoder layers of 2 and 3 decoder layers of 3",
        is_light=True,
    ),
    Entry(
        name="torch nn.TransformerEncoder",
        make=_encoder,
        skips=Skips(identity=8),
        because="4 layers of 2, normalised before the branch",
        is_light=True,
    ),
    Entry(
        name="torch LSTM encoder-decoder",
        make=lambda: _sequence("none"),
        skips=Skips(),
        because="the summary vector is the only way from encoder to decoder",
        is_light=True,
    ),
    Entry(
        name="torch LSTM encoder-decoder, attention",
        make=lambda: _sequence("dot"),
        skips=Skips(attention=10),
        because=(
            "one for each of the ten steps: the encoder's states go around its last one, which "
            "alone begins the decoder, and around the decoder's earlier steps"
        ),
    ),
    Entry(
        name="torch LSTM encoder-decoder, additive",
        make=lambda: _sequence("additive"),
        skips=Skips(attention=10),
        because="the same; tanh(W a + U b) makes a score, and is no join of signals",
    ),
)
