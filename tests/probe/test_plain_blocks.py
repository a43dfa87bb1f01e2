"""Blocks without skips lie end to end: each is its layer with what follows, by dense Jacobians."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from probe.recorded import Function, observed

from oracle.dense_jacobian import dense_jacobian, singular_values, stable_rank
from oracle.profile_hands import with_fixed_statistics

DEPTH = 4
# Written out, as older code has it.
WRITTEN: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": lambda x: x * torch.sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * torch.pow(x, 3)))),
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "centred": lambda x: torch.relu(x - x.mean(1, keepdim=True)),
}


class Apply(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def stretches(name: str) -> list[nn.Module]:
    """A layer and what stands behind it, for each block."""
    if name in WRITTEN:
        return [nn.Sequential(nn.Linear(9, 9), Apply(WRITTEN[name])) for _ in range(DEPTH)]
    parts: Callable[[], tuple[nn.Module, ...]] = {
        "relu": lambda: (nn.Linear(9, 9), nn.ReLU()),
        "relu in place": lambda: (nn.Linear(9, 9), nn.ReLU(inplace=True)),
        "tanh": lambda: (nn.Linear(9, 9), nn.Tanh()),
        "layer norm": lambda: (nn.Linear(9, 9), nn.LayerNorm(9), nn.GELU()),
        "norm behind": lambda: (nn.Linear(9, 9), nn.ReLU(), nn.LayerNorm(9)),
        "batch norm": lambda: (nn.Linear(9, 9), nn.BatchNorm1d(9), nn.ReLU()),
        "linear alone": lambda: (nn.Linear(9, 9),),
        "conv": lambda: (nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()),
        "conv norm": lambda: (nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU()),
    }[name]
    return [nn.Sequential(*parts()) for _ in range(DEPTH)]


SHAPES = {"conv": (4, 2, 2), "conv norm": (4, 2, 2)}
NAMES = [
    *("relu", "relu in place", "tanh", "layer norm", "norm behind", "batch norm"),
    *("linear alone", "conv", "conv norm", *WRITTEN),
]


def built(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    flat = nn.Sequential(*(part for stretch in stretches(name) for part in stretch))  # type: ignore[attr-defined]
    return flat.double(), torch.randn(3, *SHAPES.get(name, (9,)), dtype=torch.float64)


def blocks_of(net: nn.Module) -> list[nn.Module]:
    """The net cut before each layer."""
    cuts: list[list[nn.Module]] = []
    for part in net.children():
        if isinstance(part, nn.Linear | nn.Conv2d):
            cuts.append([])
        cuts[-1].append(part)
    return [nn.Sequential(*cut) for cut in cuts]


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_block_has_the_jacobian_of_its_layer_and_what_follows(name: str) -> None:
    net, x = built(name)
    report = plusone.scan(net, x, timed=False, samples=3)
    fixed = with_fixed_statistics(net, x)
    whole = dense_jacobian(fixed, x)
    product = torch.eye(whole.shape[2], dtype=x.dtype)
    assert len(report.blocks) == DEPTH
    for block, part in zip(report.blocks, blocks_of(fixed), strict=True):
        J = dense_jacobian(part, x)
        product = J @ product
        with torch.no_grad():
            x = part(x.clone())
        size = math.sqrt(J.shape[2])
        found = block.jacobian
        for value, exact in (
            (found.spectral_norm, singular_values(J)[:, 0]),
            (found.frobenius_rms, torch.linalg.matrix_norm(J) / size),
            (found.stable_rank, stable_rank(J)),
        ):
            assert float(value) == pytest.approx(float(exact.mean()), rel=1e-9)
        assert float(block.signal_rms) == pytest.approx(float(x.square().mean().sqrt()), rel=1e-9)
    torch.testing.assert_close(product, whole)
    top = report.end_to_end.singular_values.max
    assert float(top) == pytest.approx(float(singular_values(whole)[:, 0].mean()), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_a_plain_block_arrives_where_its_jacobian_ends(name: str) -> None:
    net, x = built(name)
    with observed(net, x) as seen:
        blocks = seen.graph.blocks
        assert [b.entry for b in blocks[1:]] == [a.output for a in blocks[:-1]]
    report = plusone.scan(net, x, timed=False, quick=True, loss_fn=lambda y: (y**2).sum())
    h, borders = x.clone().requires_grad_(), []
    for part in blocks_of(net):
        h = part(h)
        borders.append(h)
        h = h.clone()  # what follows may write into it
    gradients = torch.autograd.grad((h**2).sum(), borders)
    for block, gradient in zip(report.blocks, gradients, strict=True):
        rms = float(gradient.square().mean().sqrt())
        assert float(block.gradient_rms) == pytest.approx(rms, rel=1e-9)


@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_a_recurrent_block_and_its_head_have_their_jacobians(cell: type[nn.GRU | nn.LSTM]) -> None:
    """Behind batch-first states a linear layer runs other operations once its weight is frozen."""
    torch.manual_seed(0)
    rnn, head = cell(4, 4, batch_first=True).double(), nn.Linear(4, 5).double()
    net = Function(lambda x: head(rnn(torch.tanh(x))[0]), rnn, head)
    x = torch.randn(3, 5, 4, dtype=torch.float64)
    report = plusone.scan(net, x, timed=False, samples=2)
    parts: list[Callable[[Tensor], Tensor]] = [lambda x: rnn(torch.tanh(x))[0], head]
    assert len(report.blocks) == len(parts)
    for block, part in zip(report.blocks, parts, strict=True):
        J = torch.stack([_jacobian(part, sample) for sample in x[:2]])
        found = float(block.jacobian.spectral_norm)
        assert found == pytest.approx(float(singular_values(J)[:, 0].mean()), rel=1e-6)
        with torch.no_grad():
            x = part(x)


def _jacobian(function: Callable[[Tensor], Tensor], sample: Tensor) -> Tensor:
    """[M, N], by as many backwards: recurrent layers have no batching rule."""
    J = torch.autograd.functional.jacobian(lambda s: function(s[None])[0], sample)
    return J.reshape(-1, sample.numel())


def test_at_he_initialisation_the_mean_gain_of_a_plain_block_is_one() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64, bias=False) for _ in range(12)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    net = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    report = plusone.scan(net, torch.randn(16, 64), timed=False, samples=16)
    sizes = [float(b.jacobian.frobenius_rms) for b in report.blocks]
    assert sum(sizes) / len(sizes) == pytest.approx(1.0, abs=0.05)


def test_what_stands_between_a_join_and_a_plain_block_belongs_to_the_plain_block() -> None:
    torch.manual_seed(0)
    f, g, h = (nn.Linear(7, 7).double() for _ in range(3))

    def forward(x: Tensor) -> Tensor:
        x = torch.relu(x + torch.tanh(f(x)))
        x = torch.sin(g(x))
        return x + torch.tanh(h(x))

    x = torch.randn(3, 7, dtype=torch.float64)
    report = plusone.scan(Function(forward, f, g, h), x, timed=False, samples=3)
    assert [b.kind for b in report.blocks] == ["residual", "plain", "residual"]
    y = (x + torch.tanh(f(x))).detach()
    J = dense_jacobian(lambda z: torch.sin(g(torch.relu(z))), y)
    norm = float(report.blocks[1].jacobian.spectral_norm)
    assert norm == pytest.approx(float(singular_values(J)[:, 0].mean()))


@pytest.mark.parametrize(
    "act",
    [nn.SiLU, nn.Hardswish, nn.ELU, nn.ReLU, nn.Mish, nn.LeakyReLU, nn.CELU, nn.Hardtanh, nn.SELU],
)
def test_an_activation_in_place_has_the_gradient_of_one_beside(act: type[nn.Module]) -> None:
    def stack(inplace: bool) -> nn.Sequential:
        torch.manual_seed(0)
        layers = [m for _ in range(4) for m in (nn.Linear(6, 6), act(inplace=inplace))]
        return nn.Sequential(*layers, nn.Linear(6, 3)).double()

    x = torch.randn(16, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    beside, inside = (plusone.scan(stack(k), x, quick=True) for k in (False, True))
    assert [b.gradient_norm.value for b in beside.blocks] == pytest.approx(
        [b.gradient_norm.value for b in inside.blocks], rel=1e-12
    )
    assert inside.end_to_end.gradient_collapse.value == pytest.approx(
        beside.end_to_end.gradient_collapse.value, rel=1e-12
    )
