"""Collapse of the gradient's directions and of the samples' geometry, against dense truths."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.probe.collapse import (
    LEAST_SAMPLES,
    _u_centred,
    gradient_collapse,
    room_of_code,
)
from plusone.report.report import Report
from probe.recorded import Function


class Block(nn.Module):
    """x + a tanh(W x)."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * torch.tanh(self.layer(x))


def net(outputs: int, *, width: int = 12) -> nn.Sequential:
    torch.manual_seed(0)
    blocks = [Block(width, 0.5) for _ in range(4)]
    return nn.Sequential(nn.Linear(20, width), *blocks, nn.Linear(width, outputs)).double()


def scanned(model: nn.Module, x: Tensor) -> Report:
    return plusone.scan(model, x, quick=True)


def test_parallel_gradients_have_collapsed_and_orthogonal_ones_have_not() -> None:
    one = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    other = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    assert float(gradient_collapse([one, -7 * one, 1e-30 * one])) == pytest.approx(1.0)
    assert float(gradient_collapse([one, other])) == 0.0
    assert float(gradient_collapse([one, 0 * one])) == 1.0
    assert math.isnan(float(gradient_collapse([one, one / 0.0])))


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_the_size_of_a_gradient_does_not_matter(size: float) -> None:
    g = [torch.randn(5, 8, dtype=torch.float64) for _ in range(3)]
    found = gradient_collapse([size * t for t in g])
    assert float(found) == pytest.approx(float(gradient_collapse(g)), rel=1e-9)


@pytest.mark.parametrize("outputs", [10, 40])
def test_the_collapse_is_that_of_the_dense_jacobian(outputs: int) -> None:
    model, x = net(outputs), torch.randn(400, 20, dtype=torch.float64)
    found = scanned(model, x).end_to_end.gradient_collapse
    tail = model[1:]
    jacobians = [torch.func.jacrev(tail)(h) for h in model[0](x[:32]).detach()]
    generator = torch.Generator().manual_seed(1)
    cosines = []
    for jacobian in jacobians:
        u = torch.randn(2, 500, outputs, generator=generator, dtype=torch.float64)
        a, b = (u @ jacobian.detach()).unbind(0)
        cosines.append(torch.cosine_similarity(a, b, dim=1).square().mean())
    exact = float(torch.stack(cosines).mean())
    assert found.stderr is not None
    assert abs(float(found) - exact) < 4 * found.stderr


def test_one_output_is_asked_by_way_of_what_the_last_layer_reads() -> None:
    x = torch.randn(64, 20, dtype=torch.float64)
    wide, single = net(12), net(1)
    single[1:-1].load_state_dict(wide[1:-1].state_dict())
    single[0].load_state_dict(wide[0].state_dict())
    found = float(scanned(single, x).end_to_end.gradient_collapse)
    assert found < 0.3
    constant = nn.Sequential(single, nn.Sigmoid())
    assert float(scanned(constant, x).end_to_end.gradient_collapse) == pytest.approx(found, abs=0.1)


def test_a_head_of_zeros_is_asked_from_the_last_block() -> None:
    model, x = net(10), torch.randn(64, 20, dtype=torch.float64)
    nn.init.zeros_(model[-1].weight)
    assert 0.0 < float(scanned(model, x).end_to_end.gradient_collapse) < 0.3


def _biased(x: Tensor, z: Tensor) -> float:
    z = z / z.norm(dim=1, keepdim=True)
    h = torch.eye(len(x), dtype=x.dtype) - 1 / len(x)
    k, m = h @ x @ x.T @ h, h @ z @ z.T @ h
    return float((k * m).sum() / (k.norm() * m.norm()))


def test_the_alignment_is_that_of_the_matrices_and_does_not_grow_with_few_samples() -> None:
    model = net(10)
    torch.manual_seed(1)
    x = torch.randn(4096, 20, dtype=torch.float64)
    features = model[:-1](x).detach()
    exact = sum(_biased(x[k : k + 64], features[k : k + 64]) for k in range(0, len(x), 64)) / (
        len(x) / 64
    )
    for batch in (64, 32, LEAST_SAMPLES):
        found = [
            float(scanned(model, x[k : k + batch]).end_to_end.input_alignment)
            for k in range(0, 24 * batch, batch)
        ]
        mean = sum(found) / len(found)
        spread = torch.tensor(found).std().item() / math.sqrt(len(found))
        assert abs(mean - exact) < 4 * spread + 0.02, batch


def _song(k: Tensor, m: Tensor) -> Tensor:
    """Song et al. (2012), eq. 5, term by term, of matrices without their diagonals."""
    n = len(k)
    k, m = (a - a.diagonal().diag() for a in (k, m))
    cross = 2.0 / (n - 2) * (k @ m).sum()
    return ((k @ m).trace() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - cross) / (n * (n - 3))


def _kernels(seed: int, size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 3, dtype=torch.float64, generator=generator)
    z = torch.tanh(x @ torch.randn(3, 4, dtype=torch.float64, generator=generator))
    return x @ x.T, z @ z.T


@pytest.mark.parametrize("size", [4, 5, 16, 64])
def test_products_of_centred_matrices_are_the_unbiased_criterion(size: int) -> None:
    k, m = _kernels(size, size)
    found = (_u_centred(k) * _u_centred(m)).sum() / (size * (size - 3))
    torch.testing.assert_close(found, _song(k, m), rtol=1e-11, atol=1e-12)
    assert not _u_centred(k).sum(0).abs().max() > 1e-10


def test_over_all_parts_of_some_samples_the_criterion_has_the_mean_of_the_whole() -> None:
    k, m = _kernels(0, 8)
    found = [
        (_u_centred(k[part][:, part]) * _u_centred(m[part][:, part])).sum() / (5 * 2)
        for part in map(list, combinations(range(8), 5))
    ]
    torch.testing.assert_close(torch.stack(found).mean(), _song(k, m), rtol=1e-11, atol=1e-12)


def test_what_all_samples_share_is_no_geometry() -> None:
    x = torch.randn(64, 20, dtype=torch.float64)
    head, body = nn.Linear(20, 10).double(), nn.Linear(20, 20).double()
    kept = Function(lambda x: head(x + torch.tanh(body(x))), head, body)
    lost = Function(lambda x: head(torch.ones_like(x) + torch.tanh(body(0 * x))), head, body)
    assert float(scanned(kept, x).end_to_end.input_alignment) > 0.8
    assert float(scanned(lost, x).end_to_end.input_alignment) == 0.0


def test_few_samples_are_not_compared() -> None:
    whole = scanned(net(10), torch.randn(LEAST_SAMPLES - 1, 20, dtype=torch.float64)).end_to_end
    assert not whole.gradient_collapse.is_measured
    assert not whole.input_alignment.is_measured


def test_rows_of_tokens_are_told_into_samples() -> None:
    table, first, second, head = (
        nn.Embedding(50, 8),
        nn.Linear(8, 8),
        nn.Linear(8, 8),
        nn.Linear(8, 4),
    )
    tokens = torch.randint(0, 50, (16, 6))

    def by_sample(t: torch.Tensor) -> torch.Tensor:
        x = first(table(t))
        return head(x + torch.tanh(second(x)))

    def by_token(t: torch.Tensor) -> torch.Tensor:
        x = first(table(t).flatten(0, 1))
        return head(x + torch.tanh(second(x))).unflatten(0, t.shape)

    layers = (table, first, second, head)
    found = [scanned(Function(f, *layers), tokens).end_to_end for f in (by_sample, by_token)]
    assert found[0].input_alignment.is_measured
    assert float(found[1].input_alignment) == pytest.approx(float(found[0].input_alignment))


@pytest.mark.parametrize("pool", ["mean", "adaptive", "max", "tokens"])
def test_what_is_averaged_over_places_is_compared_before(pool: str) -> None:
    conv, head = nn.Conv2d(3, 6, 3, padding=1), nn.Linear(6, 4)

    def pooled(x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(conv(x))
        if pool == "mean":
            return head(x.mean((2, 3)))
        if pool == "adaptive":
            return head(F.adaptive_avg_pool2d(x, 1).flatten(1))
        if pool == "max":
            return head(F.max_pool2d(x, 8).flatten(1))
        return head(x.flatten(2).transpose(1, 2).mean(1))

    wide = nn.Linear(6 * 64, 4)

    def flat(x: torch.Tensor) -> torch.Tensor:
        return wide(torch.relu(conv(x)).flatten(1))

    x = torch.randn(16, 3, 8, 8)
    found = scanned(Function(pooled, conv, head), x).end_to_end.input_alignment
    expected = scanned(Function(flat, conv, wide), x).end_to_end.input_alignment
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_rows_of_tokens_collapse_as_samples_do() -> None:
    table, narrow, wide, head = (
        nn.Embedding(50, 8),
        nn.Linear(8, 1),
        nn.Linear(1, 8),
        nn.Linear(8, 8),
    )
    tokens = torch.randint(0, 50, (16, 6))

    def squeezed(x: torch.Tensor) -> torch.Tensor:  # [16, 6, 8], one number for each sample
        return head(torch.tanh(wide(narrow(x.mean(1, keepdim=True)))).expand(x.shape))

    def by_sample(t: torch.Tensor) -> torch.Tensor:
        return squeezed(torch.tanh(table(t)))

    def by_token(t: torch.Tensor) -> torch.Tensor:
        return squeezed(torch.tanh(table(t).flatten(0, 1)).unflatten(0, t.shape))

    layers = (table, narrow, wide, head)
    found = [scanned(Function(f, *layers), tokens).end_to_end for f in (by_sample, by_token)]
    assert float(found[0].gradient_collapse) == pytest.approx(1.0)
    assert float(found[1].gradient_collapse) == pytest.approx(1.0)


def test_an_input_that_is_the_same_for_all_says_nothing() -> None:
    table, body, head = nn.Embedding(50, 8), nn.Linear(8, 8), nn.Linear(8, 4)
    tokens = torch.randint(0, 50, (32, 6))

    def masked(t: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        x = table(t)
        return head(x + torch.tanh(body(x)) * mask[..., None])

    net = Function(masked, table, body, head)
    integers = float(scanned(net, (tokens, torch.ones(32, 6).long())).end_to_end.input_alignment)
    reals = float(scanned(net, (tokens, torch.ones(32, 6))).end_to_end.input_alignment)
    assert integers == pytest.approx(reals)
    same = scanned(nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 4)), torch.ones(32, 6))
    assert not same.end_to_end.input_alignment.is_measured


def test_a_part_alone_is_not_taken_for_the_whole() -> None:
    body, other, head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def deaf(x: torch.Tensor) -> torch.Tensor:  # the head reads the part that has heard nothing
        h = torch.cat([torch.tanh(body(x)), torch.tanh(other(0 * x))], 1)
        kept, lost = h.chunk(2, 1)
        return head(lost) + 0 * kept.sum()

    found = scanned(Function(deaf, body, other, head), torch.randn(32, 8)).end_to_end
    assert not float(found.input_alignment) > 0.0


def test_rounding_is_that_of_each_number() -> None:
    body, head = nn.Linear(16, 16), nn.Linear(17, 4)

    def massive(x: torch.Tensor) -> torch.Tensor:
        return head(torch.cat([torch.tanh(body(x)), torch.full_like(x[:, :1], 200.0)], 1))

    net, x = Function(massive, body, head), torch.randn(64, 16)
    exact = float(scanned(net, x).end_to_end.input_alignment)
    rounded = float(scanned(net.bfloat16(), x.bfloat16()).end_to_end.input_alignment)
    assert rounded == pytest.approx(exact, abs=0.2)


@pytest.mark.parametrize("quick", [True, False])
def test_a_sparse_adjacency_is_no_sample(quick: bool) -> None:
    dense = (torch.rand(40, 40) < 0.1).float() + torch.eye(40)
    dense = dense / dense.sum(1, keepdim=True)
    first, second, head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def gcn(x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        for layer in (first, second):
            x = x + torch.relu(adjacency @ layer(x))
        return head(x)

    net, x = Function(gcn, first, second, head), torch.randn(40, 8)
    found = [plusone.scan(net, (x, a), quick=quick).end_to_end for a in (dense, dense.to_sparse())]
    assert float(found[1].log10_gradient_ratio) == pytest.approx(
        float(found[0].log10_gradient_ratio), abs=1e-4
    )
    assert found[1].input_alignment.is_measured


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_room_of_a_code_is_that_of_random_linear_codes(size: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 6, dtype=torch.float64) @ torch.randn(6, 30, dtype=torch.float64)

    def kept(width: int) -> float:
        linear = [nn.Linear(30, width, bias=False).double() for _ in range(200)]
        for layer in linear:
            nn.init.normal_(layer.weight)
        codes = [layer(x).detach() for layer in linear]
        return sum(_biased(x, code) for code in codes) / len(codes)

    found = float(room_of_code((x,), 64, size))
    assert found == pytest.approx(kept(size) / kept(10), abs=0.08)


def test_there_is_room_for_all_in_ten_numbers_and_nothing_to_say_of_samples_alike() -> None:
    x = torch.randn(1, 30).expand(64, 30)
    assert float(room_of_code((x,), 64, 10)) == 1
    assert not room_of_code((x,), 64, 2).is_measured
    assert not room_of_code((torch.randn(8, 30),), 8, 2).is_measured
