"""A cut in autograd's graph in front of trainable blocks is found; cuts on purpose are silent."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.report import Report

WIDTH = 8


class Residual(nn.Module):
    """Two layers with a skip around them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b(self.a(x).relu())


def stack(depth: int) -> nn.Sequential:
    """Residual blocks in a row."""
    return nn.Sequential(*(Residual() for _ in range(depth)))


Parts = nn.ModuleDict
Forward = Callable[..., object]


class Net(nn.Module):
    """Two stacks and a head, put together by `forward`."""

    def __init__(self, forward: Forward, *, is_frozen: bool = False, tokens: int = 0) -> None:
        super().__init__()
        self.way = [forward]
        parts = {"a": stack(4), "b": stack(4), "head": nn.Linear(WIDTH, 3)}
        if tokens:
            parts["table"] = nn.Embedding(tokens, WIDTH)
        self.parts = Parts(parts)
        self.parts["a"].requires_grad_(not is_frozen)

    def forward(self, *inputs: Tensor) -> object:
        return self.way[0](self.parts, *inputs)


def scanned(net: nn.Module, x: Tensor | None = None) -> Report:
    torch.manual_seed(0)
    x = torch.randn(4, WIDTH) if x is None else x
    return plusone.scan(net, x, quick=True, timed=False)


def errors(report: Report) -> list[str]:
    return [f.code for f in report.findings if f.severity == "error"]


@torch.no_grad()
def without_gradient(part: nn.Module, x: Tensor) -> Tensor:
    """What a part gives under no_grad."""
    found: Tensor = part(x)
    return found


CUT: dict[str, Forward] = {
    "detach": lambda p, x: p["head"](p["b"](p["a"](x).detach())),
    "no_grad": lambda p, x: p["head"](p["b"](without_gradient(p["a"], x))),
    "data": lambda p, x: p["head"](p["b"](p["a"](x).data)),
    "in front of a learnable factor": lambda p, x: p["b"](p["a"](x).detach() * p["head"].bias[0]),
}


@pytest.mark.parametrize("forward", CUT.values(), ids=CUT)
def test_trainable_blocks_in_front_of_a_cut_are_found(forward: Forward) -> None:
    report = scanned(Net(forward))
    (finding,) = [f for f in report.findings if f.code == "G201"]
    assert finding.where == "parts.b.0"
    assert "parts.a.0 to parts.a.3" in finding.reason
    assert report.verdict is not None
    assert report.verdict.label == "vanishing"
    assert report.end_to_end.log10_gradient_ratio.state == "-inf"


def test_a_cut_in_front_of_the_head_is_found() -> None:
    report = scanned(Net(lambda p, x: p["head"](p["a"](x).detach())))
    (finding,) = [f for f in report.findings if f.code == "G201"]
    assert "cut behind parts.a.3" in finding.reason


def test_a_cut_behind_an_embedding_is_found() -> None:
    net = Net(lambda p, x: p["b"](p["a"](p["table"](x)).detach()), tokens=20)
    assert errors(scanned(net, torch.randint(0, 20, (4, 6)))) == ["G201"]


def straight_through(p: Parts, x: Tensor) -> object:
    x = p["a"](x)
    return p["b"](x + ((8 * x).round() / 8 - x).detach())


def codebook(p: Parts, x: Tensor) -> object:
    """The nearest of some learnable codes, with a straight-through estimator."""
    x, codes = p["a"](x), p["b"][0].a.weight
    nearest = codes[torch.cdist(x, codes).argmin(1)]
    return p["b"][1:](x + (nearest - x).detach())


def one_encoder_twice(p: Parts, x: Tensor) -> object:
    """SimSiam: the target is the same encoder's result, detached."""
    return p["head"](p["b"](p["a"](x))), p["a"](x.flip(0)).detach()


def teacher(p: Parts, x: Tensor) -> object:
    """BYOL, DINO: a teacher that could be trained, but runs under no_grad, first."""
    target = without_gradient(p["a"], x)
    return p["head"](p["b"](x)), target


def teacher_in_a_loss(p: Parts, x: Tensor) -> object:
    """The same with the distance of the two as the output."""
    target = without_gradient(p["a"], x)
    return (p["b"](x) - target).square().sum(1)


def twice_with_a_cut(p: Parts, x: Tensor) -> object:
    """Truncated back-propagation: the same blocks run twice, and only the last turn counts."""
    return p["head"](p["a"](p["a"](x).detach()))


SILENT: dict[str, Forward] = {
    f.__name__: f
    for f in (
        straight_through,
        codebook,
        one_encoder_twice,
        teacher,
        teacher_in_a_loss,
        twice_with_a_cut,
    )
}


@pytest.mark.parametrize("forward", SILENT.values(), ids=SILENT)
def test_a_cut_on_purpose_is_silent(forward: Forward) -> None:
    report = scanned(Net(forward))
    assert errors(report) == []
    assert report.verdict is not None
    assert report.verdict.label == "trainable"


@pytest.mark.parametrize("forward", CUT.values(), ids=CUT)
def test_frozen_blocks_in_front_of_a_cut_are_silent(forward: Forward) -> None:
    assert errors(scanned(Net(forward, is_frozen=True))) == []


def test_frozen_blocks_that_pass_the_gradient_on_are_silent() -> None:
    net = Net(lambda p, x: p["head"](p["b"](p["a"](x))), is_frozen=True)
    assert errors(scanned(net)) == []


def test_a_trainable_teacher_of_token_inputs_is_silent() -> None:
    def forward(p: Parts, x: Tensor) -> object:
        x = p["table"](x)
        return p["head"](p["b"](x)), without_gradient(p["a"], x)

    net = Net(forward, tokens=20)
    assert errors(scanned(net, torch.randint(0, 20, (4, 6)))) == []


def test_an_encoder_of_another_input_beside_the_trunk_is_silent() -> None:
    def forward(p: Parts, x: Tensor, text: Tensor) -> object:
        return p["head"](p["b"](x * without_gradient(p["a"], text).sigmoid()))

    x = torch.randn(4, WIDTH)
    report = plusone.scan(Net(forward), (x, x.flip(0)), quick=True, timed=False)
    assert errors(report) == []
    assert report.verdict is not None
    assert report.verdict.label == "trainable"


def test_a_head_that_the_loss_leaves_out_is_silent() -> None:
    net = Net(lambda p, x: (p["head"](p["a"](x)), p["b"](p["a"](x))))
    report = plusone.scan(
        copy.deepcopy(net), torch.randn(4, WIDTH), loss_fn=lambda y: y[0].square().sum(), quick=True
    )
    assert errors(report) == []
    assert report.verdict is not None
