"""What the observer reads while the forward runs: at the right place, before it is overwritten."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from probe.recorded import Function, Observed, linear, observed

WIDTH = 6


def rms(x: Tensor) -> float:
    return float(x.detach().double().square().mean().sqrt())


def read(seen: Observed, block: int = 0) -> float:
    found = seen.signal.at(seen.graph.blocks[block].output, seen.graph.blocks[block].entry[0])
    assert found is not None
    return float(found.square.mean().sqrt())


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "relu in place": lambda x: x.relu_(),
    "gelu": F.gelu,
    "silu": F.silu,
    "none": lambda x: x,
    "a norm behind": lambda x: F.layer_norm(torch.tanh(x), (WIDTH,)),
    "another form behind": lambda x: torch.tanh(x).reshape(-1, 2, WIDTH // 2).flatten(1),
    "scaled in place": lambda x: torch.sigmoid(x).mul_(3.0),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_plain_block_is_read_behind_its_activation(name: str) -> None:
    activation = ACTIVATIONS[name]
    layers = [linear(WIDTH) for _ in range(5)]
    x = torch.randn(4, WIDTH, dtype=torch.float64)
    exact: list[float] = []

    def forward(x: Tensor) -> Tensor:
        for layer in layers:
            x = activation(layer(x))
        return x

    y = x
    for layer in layers:
        y = activation(layer(y))
        exact.append(rms(y))
    with observed(Function(forward, *layers), x) as seen:
        assert [read(seen, k) for k in range(5)] == pytest.approx(exact, rel=1e-12)


def overwrite_a_part(y: Tensor) -> None:
    y.data[:, :3] = 0.0


def overwrite_all(y: Tensor) -> None:
    y.detach().zero_()


@pytest.mark.parametrize("overwrite", [overwrite_a_part, overwrite_all])
def test_what_was_overwritten_before_the_next_layer_is_read_at_its_layer(
    overwrite: Callable[[Tensor], None],
) -> None:
    first, second = linear(WIDTH), linear(WIDTH)
    x = torch.randn(4, WIDTH, dtype=torch.float64)

    def forward(x: Tensor) -> Tensor:
        y = torch.tanh(first(x))
        overwrite(y)
        return second(y)

    with observed(Function(forward, first, second), x) as seen:
        tanh = seen.value("tanh")
        assert tanh[0] not in seen.signal.results
        found = seen.signal.at(tanh, -1)
        assert found is not None
        assert float(found.square.mean().sqrt()) == pytest.approx(rms(first(x)))


@pytest.mark.parametrize("in_place", [False, True])
def test_the_terms_of_a_sum_are_read_before_it_overwrites_them(in_place: bool) -> None:
    layer = linear(WIDTH)
    x = torch.randn(4, WIDTH, dtype=torch.float64)

    def forward(x: Tensor) -> Tensor:
        f = torch.tanh(layer(x))
        return f.add_(x) if in_place else f + x

    with observed(Function(forward, layer), x) as seen:
        (block,) = seen.graph.blocks
        assert block.skip_value is not None
        branch, skip = seen.signal.squares[block.branches[0]], seen.signal.squares[block.skip_value]
        torch.testing.assert_close(branch, torch.tanh(layer(x)).square().mean(1).detach())
        torch.testing.assert_close(skip, x.square().mean(1))
        assert read(seen) == pytest.approx(rms(torch.tanh(layer(x)) + x))


def test_a_term_that_enters_in_another_form_is_read_in_that_form() -> None:
    layer = linear(WIDTH)
    x = torch.randn(4, WIDTH, dtype=torch.float64)

    def forward(x: Tensor) -> Tensor:
        y = layer(x)
        return y[:, :3] + layer(y)[:, 3:]

    with observed(Function(forward, layer), x) as seen:
        found = {tuple(s.tolist()) for s in seen.signal.squares.values()}
    y = layer(x)
    for term in (y[:, :3], layer(y)[:, 3:]):
        expected = term.square().mean(1).tolist()
        assert any(values == pytest.approx(expected) for values in found)


def test_whole_numbers_and_masks_are_no_signal() -> None:
    table = nn.Embedding(9, WIDTH).double()
    numbers = torch.randint(0, 4, (4, 5))
    with observed(Function(lambda i: table(i + i).relu(), table), numbers) as seen:
        seen.signal.at((10**6, 0), 10**6 - 1)
        names = {seen.recording.trace.ops[k].name for k in seen.signal.results}
        assert names == {"embedding", "relu"}
        assert seen.value("add") not in seen.signal.squares


def test_batch_norm_statistics_are_those_of_the_batch() -> None:
    norm = nn.BatchNorm1d(WIDTH).double()
    x = torch.randn(4, WIDTH, dtype=torch.float64)
    with observed(Function(lambda x: norm(norm(x)), norm), x) as seen:
        statistics = seen.signal.statistics(seen.recording.trace)
        assert set(statistics) == {("parts.0", 0), ("parts.0", 1)}
        mean, inverse = statistics["parts.0", 0]
        torch.testing.assert_close(mean, x.mean(0))
        torch.testing.assert_close(inverse, (x.var(0, unbiased=False) + norm.eps).rsqrt())
