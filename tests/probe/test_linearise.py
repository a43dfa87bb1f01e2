"""The second forward: which samples it takes, whether they are independent, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import plusone
from plusone.errors import CaptureError
from plusone.probe.linearise import linearise
from plusone.probe.moments import mean_square
from probe.recorded import Function, linear, observed

from oracle.dense_jacobian import dense_jacobian, singular_values

WIDTH = 5


def residual(function: object) -> Function:
    """Three layers, each of which reads `function(x)` besides x."""
    layers = [linear(WIDTH) for _ in range(3)]

    def forward(x: Tensor) -> Tensor:
        for layer in layers:
            x = x + torch.tanh(layer(function(x)))  # type: ignore[operator]
        return x

    return Function(forward, *layers)


COUPLED = {
    "to all": lambda x: x - x.mean(0),
    "to earlier ones": lambda x: x.cumsum(0),
    "to later ones": lambda x: x.flip(0).cumsum(0).flip(0),
    "to the one before": lambda x: x + x.roll(1, 0),
    "to all, behind a norm": lambda x: F.layer_norm(x.mean(0) + x, (WIDTH,)),
    "by functional batch norm": lambda x: F.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize("batch", [2, 3, 6])
@pytest.mark.parametrize("name", COUPLED)
def test_coupled_samples_are_one_vector(name: str, batch: int) -> None:
    model = residual(COUPLED[name])
    with observed(model, torch.randn(batch, WIDTH, dtype=torch.float64)) as seen:
        line = seen.linearised(2)
        assert line.batch is None
        assert line.samples == batch


@pytest.mark.parametrize("name", ["to all", "to earlier ones", "to later ones"])
def test_the_spectrum_of_coupled_samples_is_that_of_the_whole_batch(name: str) -> None:
    model = residual(COUPLED[name])
    x = torch.randn(3, WIDTH, dtype=torch.float64)
    report = plusone.scan(model, x, timed=False)
    layer = model.parts[0]
    whole = dense_jacobian(
        lambda z: (z[0] + torch.tanh(layer(COUPLED[name](z[0]))))[None],
        x[None],
    )
    norm = report.blocks[0].jacobian.spectral_norm
    assert float(norm) == pytest.approx(float(singular_values(whole)[0, 0]), rel=1e-6)
    assert "coupled" in report.provenance.spectra


def test_blocks_without_a_way_from_first_to_last_are_asked_one_by_one() -> None:
    for name, function in (("alone", lambda x: x), *COUPLED.items()):
        first, last = residual(function), residual(lambda x: x)
        model = Function(lambda a, b, f=first, g=last: torch.cat([f(a), g(b)], 1), first, last)
        a, b = torch.randn(2, 6, WIDTH, dtype=torch.float64)
        with observed(model, a, b) as seen:
            trace = seen.recording.trace
            line = linearise(
                model,
                seen.args,
                {},
                box=seen.box,
                trace=trace,
                statistics=seen.signal.statistics(trace),
                samples=2,
                probe=(seen.graph.blocks[0].entry, seen.graph.blocks[-1].output),
                beside=[(block.entry, block.output) for block in seen.graph.blocks],
                squares=tuple(mean_square(t, trace.batch) for t in seen.recording.outputs),
            )
            assert (line.batch is not None) == (name == "alone")


def test_two_towers_are_no_coupled_samples() -> None:
    tower = nn.Sequential(linear(WIDTH, 9), nn.ReLU(), linear(9, WIDTH))
    model = Function(lambda a, b: F.cosine_similarity(tower(a), tower(b)), tower)
    a, b = torch.randn(2, 6, WIDTH, dtype=torch.float64)
    report = plusone.scan(model, (a, b), timed=False)
    assert "per sample, on 2 of 6" in report.provenance.spectra


@pytest.mark.parametrize(("samples", "taken"), [(1, 1), (2, 2), (4, 4), (9, 6)])
def test_independent_samples_are_taken_from_the_front(samples: int, taken: int) -> None:
    model = residual(lambda x: x)
    x = torch.randn(6, WIDTH, dtype=torch.float64)
    with observed(model, x) as seen:
        line = seen.linearised(samples)
        assert (line.batch, line.samples) == (taken, taken)
        torch.testing.assert_close(line.recording.outputs[0], model(x)[:taken])


def test_a_place_stands_for_the_same_value_with_fewer_samples() -> None:
    model = residual(lambda x: x)
    with observed(model, torch.randn(6, WIDTH, dtype=torch.float64)) as seen:
        line = seen.linearised(2)
        for block in seen.graph.blocks:
            place = line.place(block.output)
            assert place is not None
            assert place.shape == (2, WIDTH)
            assert place.dtype == torch.float64


def test_samples_in_one_row_are_not_told_apart() -> None:
    layer = linear(4)
    x = torch.randn(3, 4, dtype=torch.float64)
    with observed(
        Function(lambda x: x + layer(x.reshape(1, 3, 4)).reshape(3, 4), layer), x
    ) as seen:
        assert seen.linearised(3).batch == 3


def test_random_nets_are_linearised_at_one_draw() -> None:
    model = nn.Sequential(residual(lambda x: F.dropout(x, 0.5, training=True)))
    with observed(model, torch.randn(6, WIDTH, dtype=torch.float64)) as seen:
        assert seen.linearised(2).batch == 2


def test_a_net_that_does_not_repeat_its_output_is_refused() -> None:
    layer, calls = linear(WIDTH), []

    def forward(x: Tensor) -> Tensor:
        calls.append(1)
        return x + len(calls) * torch.tanh(layer(x))

    with (
        observed(Function(forward, layer), torch.randn(3, WIDTH, dtype=torch.float64)) as seen,
        pytest.raises(CaptureError, match="gave another output than the first"),
    ):
        seen.linearised(2)


def test_a_net_that_does_not_run_on_a_part_of_the_batch_runs_on_all_of_it() -> None:
    layer = linear(WIDTH)

    def forward(x: Tensor) -> Tensor:
        assert len(x) == 6, "this net is built for six samples"
        return x + torch.tanh(layer(x))

    with observed(Function(forward, layer), torch.randn(6, WIDTH, dtype=torch.float64)) as seen:
        line = seen.linearised(2)
        assert (line.batch, line.samples) == (6, 6)


def test_weights_take_no_gradient_but_tables_of_whole_numbers_do() -> None:
    table, layer = nn.Embedding(7, WIDTH).double(), linear(WIDTH)
    model = Function(lambda i: table(i) + torch.tanh(layer(table(i))), table, layer)
    with observed(model, torch.randint(0, 4, (3, 4))) as seen:
        line = seen.linearised(2)
        assert table.weight.requires_grad
        assert not layer.weight.requires_grad
        assert line.batch == 2
    assert layer.weight.requires_grad


def test_attention_is_linearised_in_its_plain_form() -> None:
    qkv = linear(8, 24)

    def forward(x: Tensor) -> Tensor:
        q, k, v = qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    x = torch.randn(3, 5, 8, dtype=torch.float64)
    report = plusone.scan(Function(forward, qkv), x, timed=False, samples=3, tolerance=1e-6)
    exact = singular_values(dense_jacobian(forward, x))[:, 0].mean()
    assert float(report.blocks[0].jacobian.spectral_norm) == pytest.approx(float(exact), rel=1e-3)


def test_whole_number_inputs_without_a_table_have_no_jacobian() -> None:
    layer = linear(WIDTH)

    def forward(i: Tensor) -> Tensor:
        x = i.double()
        return x + torch.tanh(layer(x))

    report = plusone.scan(Function(forward, layer), torch.randint(0, 9, (3, WIDTH)), timed=False)
    assert any("Jacobian" in gap.what for gap in report.not_measured)
