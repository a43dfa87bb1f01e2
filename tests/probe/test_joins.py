"""How a branch enters its join, and which spectrum follows from that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import plusone
from plusone.probe.block_spectra import block_spectra
from plusone.probe.joins import factor_in_sum, places_of
from plusone.probe.operator import Place
from plusone.probe.spectrum import JacobianSpectrum
from plusone.records import Spectrum
from probe.recorded import Function, linear, observed

from oracle.dense_jacobian import dense_jacobian, singular_values

Sum = Callable[[Tensor, Tensor], Tensor]
# How x and f are joined, the factor of f, and whether the block is x + F up to its sign.
SUMS: dict[str, tuple[Sum, float, bool]] = {
    "x + f": (lambda x, f: x + f, 1.0, True),
    "f + x": (lambda x, f: f + x, 1.0, True),
    "x - f": (lambda x, f: x - f, -1.0, True),
    "f - x": (lambda x, f: f - x, -1.0, True),
    "x + 3 f": (lambda x, f: torch.add(x, f, alpha=3), 3.0, True),
    "x - 3 f": (lambda x, f: torch.sub(x, f, alpha=3), -3.0, True),
    "f + 3 x": (lambda x, f: torch.add(f, x, alpha=3), 1.0, False),
    "f += x": (lambda x, f: f.add_(x), 1.0, True),
    "f -= 2 x": (lambda x, f: f.sub_(x, alpha=2), 1.0, False),
    "lerp": (lambda x, f: torch.lerp(x, f, 0.3), 0.3, False),
    "0.5 x + f": (lambda x, f: 0.5 * x + f, 1.0, False),
    "addcmul": (lambda x, f: torch.addcmul(x, torch.full_like(x, 0.1), f), 1.0, False),
}


def branch(x: Tensor) -> Tensor:
    return LAYERS[1](torch.tanh(LAYERS[0](x)))


torch.manual_seed(5)
LAYERS = [linear(12) for _ in range(2)]


@pytest.mark.parametrize("name", SUMS)
def test_the_whole_block_is_measured_as_it_is_joined(name: str) -> None:
    join, factor, is_identity = SUMS[name]
    x = torch.randn(3, 12, dtype=torch.float64)
    model = Function(lambda x: join(x, branch(x)), *LAYERS)
    with observed(model, x) as seen:
        block = seen.graph.blocks[-1]
        places = places_of(seen.linearised(3), block)
        assert not isinstance(places, str)
        assert abs(places.factor) == pytest.approx(abs(factor))
        assert (places.join == "identity") == is_identity
        found = block_spectra(places, generator=torch.Generator())
    whole, own = found.block, found.branch
    assert isinstance(whole, JacobianSpectrum)
    assert isinstance(own, JacobianSpectrum)
    exact = dense_jacobian(lambda z: join(z, branch(z)), x)
    assert whole.spectral_norm.value == pytest.approx(float(singular_values(exact)[:, 0].mean()))
    rms = float(torch.linalg.matrix_norm(exact).mean()) / 12**0.5
    assert whole.frobenius_rms.value == pytest.approx(rms)
    if name != "addcmul":
        of_branch = abs(factor) * float(singular_values(dense_jacobian(branch, x))[:, 0].mean())
        assert own.spectral_norm.value == pytest.approx(of_branch)


def places(*tensors: Tensor) -> list[Place]:
    return [Place.of(t) for t in tensors]


def test_the_factor_is_read_off_the_sum_itself() -> None:
    x, y = (torch.randn(3).requires_grad_() * 1 for _ in range(2))
    for total, of_x, of_y in (
        (x + y, 1.0, 1.0),
        (x - y, 1.0, -1.0),
        (torch.add(x, y, alpha=0.5), 1.0, 0.5),
        (torch.lerp(x, y, 0.25), 0.75, 0.25),
    ):
        assert factor_in_sum(Place.of(total), Place.of(x)) == of_x
        assert factor_in_sum(Place.of(total), Place.of(y)) == of_y


def test_what_is_no_plain_sum_has_no_factor() -> None:
    x, y = (torch.randn(3).requires_grad_() * 1 for _ in range(2))
    weight = torch.rand(3)
    for total in (x * y, torch.cat([x, y]), torch.lerp(x, y, weight), 2 * x + y):
        assert factor_in_sum(Place.of(total), Place.of(x)) is None


def test_sums_of_sums_multiply_and_add_their_factors() -> None:
    x, y, z = (torch.randn(3).requires_grad_() * 1 for _ in range(3))
    for total, factor in (
        (x + x, 2.0),
        ((x + y) + z, 1.0),
        (z - (y - x), 1.0),
        (torch.add(z, torch.sub(y, x, alpha=2), alpha=3), -6.0),
        ((x + y) + (z - x), 0.0),
        (torch.relu(x) + y, None),
    ):
        assert factor_in_sum(Place.of(total), Place.of(x)) == factor


@pytest.mark.parametrize("width", [12, 40])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_of_several_branches_the_sum_is_measured(width: int, sign: float) -> None:
    first, second = linear(width), linear(width)

    def f(x: Tensor) -> Tensor:
        return torch.tanh(first(x)) + torch.sin(second(x))

    def block(x: Tensor) -> Tensor:
        return x + sign * torch.tanh(first(x)) + sign * torch.sin(second(x))

    x = torch.randn(4, width, dtype=torch.float64)
    report = plusone.scan(Function(block, first, second), x, timed=False, samples=4)
    found = report.blocks[-1]
    for spectrum, function in ((found.branch_jacobian, f), (found.jacobian, block)):
        J = dense_jacobian(function, x)
        norm = float(singular_values(J)[:, 0].mean())
        rms = float(torch.linalg.matrix_norm(J).mean()) / width**0.5
        for value, exact in ((spectrum.spectral_norm, norm), (spectrum.frobenius_rms, rms)):
            if width == 12:
                assert float(value) == pytest.approx(exact)
            else:
                assert abs(float(value) - exact) <= 3 * (value.stderr or 0.0)


def check_whole(function: Callable[[Tensor], Tensor], x: Tensor, *modules: nn.Module) -> Spectrum:
    """The last block's own spectrum is that of the dense Jacobian; returns its branch's."""
    report = plusone.scan(Function(function, *modules), x, timed=False, samples=len(x))
    found = report.blocks[-1]
    J = dense_jacobian(function, x)
    norm = float(singular_values(J)[:, 0].mean())
    rms = float(torch.linalg.matrix_norm(J).mean()) / J.shape[2] ** 0.5
    for value, exact in ((found.jacobian.spectral_norm, norm), (found.jacobian.frobenius_rms, rms)):
        assert float(value) == pytest.approx(exact, abs=3 * (value.stderr or 0.0) + 1e-9)
    return found.branch_jacobian


@pytest.mark.parametrize("channels", [2, 24])
def test_a_branch_that_is_spread_over_positions_is_measured_behind_the_sum(channels: int) -> None:
    squeeze, excite = (nn.Conv2d(channels, channels, 1, dtype=torch.float64) for _ in range(2))

    def context(x: Tensor) -> Tensor:
        return excite(squeeze(x.mean((2, 3), keepdim=True)).relu())

    x = torch.randn(3, channels, 3, 3, dtype=torch.float64)
    own = check_whole(lambda x: x + context(x), x, squeeze, excite)
    F = dense_jacobian(lambda x: context(x).expand_as(x), x)
    rms = float(torch.linalg.matrix_norm(F).mean()) / F.shape[2] ** 0.5
    error = own.frobenius_rms.stderr or 0.0
    assert float(own.frobenius_rms) == pytest.approx(rms, abs=3 * error)


@pytest.mark.parametrize(
    "join",
    [
        lambda x, f, gain: x + gain * x + f,
        lambda x, f, gain: gain * x + (x + f),
        lambda x, f, gain: torch.cat([x, 2 * x, f], 1),
        lambda x, f, gain: torch.cat([gain * x, x, f], 1),
    ],
)
def test_a_further_skip_counts_in_the_whole_block(join: Callable[..., Tensor]) -> None:
    gain = nn.Parameter(torch.full((12,), 2.0, dtype=torch.float64))
    x = torch.randn(3, 12, dtype=torch.float64)
    check_whole(lambda x: join(x, branch(x), gain), x, *LAYERS, nn.ParameterList([gain]))


def test_branches_that_do_not_just_add_to_the_input_are_named_as_not_measured() -> None:
    first, second = linear(12), linear(12)
    model = Function(
        lambda x: torch.cat([x, torch.tanh(first(x)), torch.sin(second(x))], 1), first, second
    )
    x = torch.randn(4, 12, dtype=torch.float64)
    report = plusone.scan(model, x, timed=False, samples=4)
    (block,) = report.blocks
    assert not block.branch_jacobian.spectral_norm.is_measured
    exact = dense_jacobian(model.function, x)
    top = float(singular_values(exact)[:, 0].mean())
    assert float(block.jacobian.spectral_norm) == pytest.approx(top)
    gaps = [gap.what for gap in report.not_measured if "collapse" not in gap.what]
    assert gaps == [f"branch Jacobian of {block.name}"]


def test_positions_beside_the_samples_are_measured_sample_by_sample() -> None:
    first, second = linear(20), linear(20)

    def forward(x: Tensor) -> Tensor:
        rows = x.flatten(0, 1)
        for layer in (first, second):
            rows = rows + torch.tanh(layer(rows))
        return rows.unflatten(0, x.shape[:2])

    x = torch.randn(3, 5, 20, dtype=torch.float64) * torch.tensor([0.1, 1, 10])[:, None, None]
    report = plusone.scan(Function(forward, first, second), x, timed=False, samples=3)
    J = dense_jacobian(lambda z: z + torch.tanh(first(z)), x)
    norm = report.blocks[0].jacobian.spectral_norm
    exact = float(singular_values(J)[:, 0].mean())
    assert float(norm) == pytest.approx(exact, abs=3 * (norm.stderr or 0.0))
    assert norm.stderr is not None
    assert not any("by sample" in gap.what for gap in report.not_measured)


def test_samples_in_another_order_are_taken_together_and_named() -> None:
    first, second = linear(20), linear(20)

    def forward(x: Tensor) -> Tensor:
        rows = x.transpose(0, 1)
        for layer in (first, second):
            mixed = torch.tanh(layer(rows - rows.mean(0)))
            rows = (rows.flatten(0, 1) + mixed.flatten(0, 1)).unflatten(0, rows.shape[:2])
        return rows.transpose(0, 1)

    x = torch.randn(2, 4, 20, dtype=torch.float64)
    report = plusone.scan(Function(forward, first, second), x, timed=False, samples=2)
    J = dense_jacobian(lambda z: z + torch.tanh(first(z - z.mean(1, keepdim=True))), x)
    norm = report.blocks[0].jacobian.spectral_norm
    largest = float(singular_values(J)[:, 0].max())
    assert float(norm) == pytest.approx(largest, abs=3 * (norm.stderr or 0.0))
    assert any("by sample" in gap.what for gap in report.not_measured)


@pytest.mark.parametrize("batch", [2, 5])
def test_samples_along_another_dimension_are_measured_as_one_vector(batch: int) -> None:
    """A sequence model that keeps time first inside: its blocks' samples are not told apart."""
    f, g = linear(4), linear(4)

    def block(z: Tensor) -> Tensor:
        return z + torch.tanh(f(z))

    def forward(x: Tensor) -> Tensor:
        z = block((1.0 * x).permute(1, 0, 2).contiguous())
        return x + torch.tanh(g(z.permute(1, 0, 2)))

    x = torch.randn(batch, 3, 4, dtype=torch.float64)
    report = plusone.scan(Function(forward, f, g), x, timed=False)
    found = next(b for b in report.blocks if b.shape[:2] == (3, batch))
    taken = x[:2].permute(1, 0, 2)
    whole = dense_jacobian(lambda z: block(z[0])[None], taken[None])
    assert float(found.jacobian.spectral_norm) == pytest.approx(
        float(singular_values(whole)[0, 0]), rel=0.05
    )


def test_a_value_that_the_second_forward_did_not_make_is_no_fault_of_autograd() -> None:
    class Fickle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.f = linear(6)

        def forward(self, x: Tensor) -> Tensor:
            f = torch.tanh(self.f(x))
            return x + f if len(x) > 2 else torch.sub(x, -f)

    first, last = Fickle(), linear(6)
    model = Function(lambda x: first(x) + torch.tanh(last(first(x))), first, last)
    report = plusone.scan(model, torch.randn(6, 6, dtype=torch.float64), timed=False)
    gaps = {gap.what: gap.why for gap in report.not_measured}
    assert any("ran other operations there" in why for why in gaps.values())


def test_every_block_is_tied_to_the_output_so_that_late_ones_cost_no_more() -> None:
    """Else a product searches all blocks before its own, and a scan is quadratic in depth."""
    layers = [linear(12) for _ in range(4)]

    def chain(x: Tensor) -> Tensor:
        for layer in layers:
            x = x + layer(x)
        return x

    with observed(Function(chain, *layers), torch.randn(3, 12, dtype=torch.float64)) as seen:
        line = seen.linearised(3)
        for block in seen.graph.blocks:
            places = places_of(line, block)
            assert not isinstance(places, str)
            assert places.anchor is line.recording.outputs[-1]
