"""The spectra of a whole net by way of a scan: what is measured, what is not, and the gains."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.probe.jacobians import SpectraRequest, measure_spectra
from plusone.records import ScanConfig
from probe.recorded import Function, linear, observed

from oracle.dense_jacobian import dense_jacobian, singular_values


def spectra(model: nn.Module, x: Tensor, **config: float) -> object:
    with observed(model, x) as seen:
        trace = seen.recording.trace
        request = SpectraRequest(
            model=model,
            args=seen.args,
            kwargs={},
            trace=trace,
            graph=seen.graph,
            statistics=seen.signal.statistics(trace),
        )
        return measure_spectra(
            request,
            box=seen.box,
            config=ScanConfig(samples=len(x), **config),  # type: ignore[arg-type]
            progress=lambda stage, share: None,
        )


def mean_square(J_BMN: Tensor) -> float:
    """|J|_F^2 / inputs, the mean over samples."""
    return float(J_BMN.square().sum((1, 2)).mean()) / J_BMN.shape[2]


def test_gains_are_mean_squares_of_the_gradients_elements() -> None:
    """|J|_F^2 / inputs, so that gains multiply along a path although widths change."""
    down, up, skip = linear(12, 8), linear(8, 6), linear(12, 6)
    inner = linear(6)

    def forward(x: Tensor) -> Tensor:
        x = skip(x) + up(torch.tanh(down(x)))
        return x + 3 * torch.tanh(inner(x))

    x = torch.randn(4, 12, dtype=torch.float64)
    gains = spectra(Function(forward, down, up, skip, inner), x).gains  # type: ignore[attr-defined]
    F = dense_jacobian(lambda z: up(torch.tanh(down(z))), x)
    y = (skip(x) + up(torch.tanh(down(x)))).detach()
    G = dense_jacobian(lambda z: 3 * torch.tanh(inner(z)), y)
    projection = dense_jacobian(skip, x)
    expected = [mean_square(projection), mean_square(F), 1.0, mean_square(G)]
    assert list(gains) == pytest.approx(expected)


def test_gains_of_plain_blocks_and_concatenations() -> None:
    layers = [linear(6) for _ in range(3)]
    grow = linear(6, 4)

    def forward(x: Tensor) -> Tensor:
        y = x
        for layer in layers:
            y = torch.tanh(layer(y))
        y = torch.cat([y, torch.tanh(grow(y))], 1)
        return torch.cat([x, torch.relu(y)], 1)

    x = torch.randn(3, 6, dtype=torch.float64)
    gains = spectra(Function(forward, *layers, grow), x).gains  # type: ignore[attr-defined]
    expected, y = [], x
    for layer in layers:
        J = dense_jacobian(lambda z, layer=layer: torch.tanh(layer(z)), y)
        expected.append(mean_square(J))
        y = torch.tanh(layer(y)).detach()
    F = dense_jacobian(lambda z: torch.tanh(grow(z)), y)
    joined = torch.cat([y, torch.tanh(grow(y))], 1).detach()
    relu = mean_square(dense_jacobian(torch.relu, joined))
    assert list(gains) == pytest.approx([*expected, 1.0, mean_square(F), 1.0, relu])


def residual(width: int, depth: int = 2, dtype: torch.dtype = torch.float64) -> nn.Module:
    layers = [nn.Linear(width, width, dtype=dtype) for _ in range(depth)]

    def forward(x: Tensor) -> Tensor:
        for layer in layers:
            f = layer(x)
            x = x + (f * torch.sigmoid(f.abs()) if dtype.is_complex else torch.tanh(f))
        return x

    return Function(forward, *layers)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_complex_nets_are_measured_as_real_ones_of_twice_the_width(dtype: torch.dtype) -> None:
    model = residual(5, dtype=dtype)
    x = torch.randn(3, 5, dtype=dtype)
    report = plusone.scan(model, x, timed=False, samples=3)

    def first(rows: Tensor) -> Tensor:
        z = torch.view_as_complex(rows.unflatten(1, (5, 2)))
        f = model.parts[0](z)  # type: ignore[index]
        return torch.view_as_real(z + f * torch.sigmoid(f.abs())).flatten(1)

    J = dense_jacobian(first, torch.view_as_real(x).flatten(1))
    found = report.blocks[0].jacobian
    assert float(found.spectral_norm) == pytest.approx(
        float(singular_values(J)[:, 0].mean()), rel=1e-5
    )
    rms = float(torch.linalg.matrix_norm(J.double()).mean()) / math.sqrt(10)
    assert float(found.frobenius_rms) == pytest.approx(rms, rel=1e-5)
    assert all("collapse" in gap.what for gap in report.not_measured)  # of few samples


@pytest.mark.parametrize("width", [20, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_nets_are_measured_to_their_rounding(dtype: torch.dtype, width: int) -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        exact = residual(width)
        x = torch.randn(4, width, dtype=torch.float64)
        half = residual(width, dtype=dtype)
        half.load_state_dict({k: v.to(dtype) for k, v in exact.state_dict().items()})
        exact.load_state_dict({k: v.double() for k, v in half.state_dict().items()})
        coarse, fine = (
            plusone.scan(m, z, timed=False, seed=seed)
            for m, z in ((half, x.to(dtype)), (exact, x.to(dtype).double()))
        )
        for a, b in zip(coarse.blocks, fine.blocks, strict=True):
            norms = a.jacobian.spectral_norm, b.jacobian.spectral_norm
            error = math.hypot(*(n.stderr or 0.0 for n in norms))
            assert abs(float(norms[0]) - float(norms[1])) <= 3 * error + 0.02 * float(norms[1])


def test_the_identity_is_measured_to_its_smallest_singular_value() -> None:
    model = residual(40)
    for part in model.parts:  # type: ignore[union-attr]
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
    report = plusone.scan(model, torch.randn(3, 40, dtype=torch.float64), timed=False)
    values = report.end_to_end.singular_values
    assert [float(v) for v in (values.min, values.median, values.max)] == pytest.approx([1.0] * 3)
    assert all("collapse" in gap.what for gap in report.not_measured)  # of few samples


def test_a_median_far_below_the_largest_value_is_not_guessed() -> None:
    # Half of the values are 1e-3, the other half spread up to 30: a short chain sees these alone.
    scale = torch.cat([torch.full((60,), 1e-3), torch.logspace(-3, 1.5, 60)]).double()
    layers = [linear(120) for _ in range(2)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight)
    wide = Function(lambda x: x + (layers[1](scale * layers[0](x)) - x), *layers)
    report = plusone.scan(wide, torch.randn(3, 120, dtype=torch.float64), timed=False)
    values = report.end_to_end.singular_values
    assert not values.median.is_measured
    assert not values.min.is_measured
    assert float(values.max) == pytest.approx(10**1.5, rel=0.05)
    gaps = {gap.what for gap in report.not_measured}
    assert "smallest and median end-to-end singular value" in gaps


def test_what_a_custom_function_cuts_is_named_with_its_reason() -> None:
    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: object, g: Tensor) -> Tensor:
            return 2 * g.detach()

    layer = linear(40)
    model = Function(lambda x: x + Cut.apply(layer(x)), layer)
    report = plusone.scan(model, torch.randn(3, 40, dtype=torch.float64), timed=False)
    (block,) = report.blocks
    assert not block.jacobian.spectral_norm.is_measured
    assert block.branch_jacobian.frobenius_rms.is_measured
    gaps = {gap.what: gap.why for gap in report.not_measured}
    assert "cannot be differentiated again" in gaps[f"Jacobian of {block.name}"]
    assert "end-to-end singular values" in gaps


def test_composite_blocks_are_measured_until_they_cost_as_much_as_two_nets() -> None:
    layers = [linear(6) for _ in range(12)]

    def level(x: Tensor, depth: int) -> Tensor:
        if depth == len(layers):
            return x
        inner = x + torch.tanh(layers[depth](x))
        return x + torch.tanh(level(inner, depth + 1))

    model = Function(lambda x: level(x, 0), *layers)
    report = plusone.scan(model, torch.randn(3, 6, dtype=torch.float64), timed=False)
    gaps = [gap for gap in report.not_measured if "holds many blocks" in gap.why]
    measured = [b.jacobian.spectral_norm.is_measured for b in report.blocks]
    assert len(gaps) == 1
    assert any(measured)
    assert not all(measured)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_scaling_a_branch_scales_its_norms_and_keeps_its_stable_rank(factor: float) -> None:
    layer = linear(14)

    def net(c: float) -> nn.Module:
        return Function(lambda x: x + c * torch.tanh(layer(x)), layer)

    x = torch.randn(3, 14, dtype=torch.float64)
    one, scaled = (plusone.scan(net(c), x, timed=False).blocks[0] for c in (1.0, factor))
    for name, power in (("spectral_norm", 1), ("frobenius_rms", 1), ("stable_rank", 0)):
        a, b = (float(getattr(block.branch_jacobian, name)) for block in (one, scaled))
        assert b == pytest.approx(factor**power * a)
    assert float(scaled.residual_ratio) == pytest.approx(factor * float(one.residual_ratio))
