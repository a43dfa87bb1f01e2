"""The narrowest vertex cut between inputs and outputs, on nets whose answer is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from plusone.capture.eager import record
from plusone.graph.skipgraph import find_skips
from plusone.nn.models.seq2seq import Seq2Seq
from plusone.records import Passage

LENGTH, WIDTH = 12, 16


def capacity(net: nn.Module, *inputs: Tensor) -> Passage:
    found = find_skips(record(net, inputs, {}).trace).capacity
    assert found is not None
    return found


def tokens(length: int = LENGTH) -> Tensor:
    return torch.randint(20, (4, length))


@pytest.mark.parametrize(("cell", "states"), [("gru", 1), ("lstm", 2)])
def test_a_fixed_context_holds_one_state_of_all(cell: str, states: int) -> None:
    net = Seq2Seq(20, 20, width=WIDTH, cell=cell, attention=None)  # type: ignore[arg-type]
    found = capacity(net, tokens(), tokens(10))
    assert float(found.value) == pytest.approx(states / 10)
    assert (found.where, found.size) == ("encoder", states * WIDTH)


def test_a_mask_over_the_source_changes_nothing() -> None:
    net = Seq2Seq(20, 20, width=WIDTH, cell="gru", attention=None)
    mask = torch.ones(4, LENGTH, dtype=torch.bool)
    assert float(capacity(net, tokens(), tokens(10), mask).value) == pytest.approx(1 / 10)


@pytest.mark.parametrize("attention", ["additive", "general"])
def test_attention_removes_the_cut(attention: str) -> None:
    net = Seq2Seq(20, 20, width=WIDTH, cell="gru", attention=attention)  # type: ignore[arg-type]
    assert float(capacity(net, tokens(), tokens(10)).value) >= 0.5


class Loop(nn.Module):
    """A recurrence written out: two states, handed on from the encoder's loop to the decoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.write = nn.Linear(2 * WIDTH, 4 * WIDTH), nn.Linear(WIDTH, 4 * WIDTH)
        self.head = nn.Linear(WIDTH, WIDTH)

    def step(self, gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(len(x), WIDTH)
        for t in range(LENGTH):
            h, c = self.step(self.read(torch.cat((x[:, t], h), 1)), c)
        states = []
        for _ in range(LENGTH):
            h, c = self.step(self.write(h), c)
            states.append(h)
        out: Tensor = self.head(torch.stack(states, 1))
        return out


def test_a_cut_of_two_tensors_is_found() -> None:
    found = capacity(Loop(), torch.randn(4, LENGTH, WIDTH))
    assert found.size == 2 * WIDTH
    assert float(found.value) == pytest.approx(2 / LENGTH)


def chain(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize(
    ("widths", "share"),
    [
        ((64, 4, 64, 64), 4 / 64),
        ((64, 4, 32, 64), 4 / 32),  # the last layer reads no more
        ((64, 4, 64, 2), 1.0),  # few are made
        ((4, 64, 64, 64), 1.0),  # few come
        ((64, 4, 64), 1.0),  # one layer may be a head of many classes
        ((64, 64, 64), 1.0),
    ],
)
def test_a_chain_is_as_wide_as_its_narrowest_layer(widths: tuple[int, ...], share: float) -> None:
    found = capacity(chain(*widths), torch.randn(8, widths[0]))
    assert float(found.value) == pytest.approx(share)


class Around(nn.Module):
    """A narrow chain, with its input added behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.last = chain(64, 4, 64), nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(x + self.narrow(x))
        return out


def test_a_skip_around_the_narrow_place_is_no_cut() -> None:
    assert float(capacity(Around(), torch.randn(8, 64)).value) == 1.0


class Pooled(nn.Module):
    """Few classes at low resolution, interpolated: what the last layer makes is all."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 1, 1))
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.up(self.net(x))
        return out


def test_interpolated_outputs_count_as_many_as_were_made() -> None:
    assert float(capacity(Pooled(), torch.randn(2, 3, 32, 32)).value) == 1.0


def test_a_language_model_is_no_bottleneck() -> None:
    layer = nn.TransformerEncoderLayer(WIDTH, 2, WIDTH, batch_first=True)
    net = nn.Sequential(nn.Embedding(100, WIDTH), layer, nn.Linear(WIDTH, 100))
    assert float(capacity(net, tokens()).value) == 1.0
