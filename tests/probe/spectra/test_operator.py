"""Products with J and J^T from the retained graph, against dense Jacobians."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from plusone.probe.double_backward import slim
from plusone.probe.operator import JacobianOperator, NotMeasurable, Place
from plusone.probe.operator_algebra import IdentityPlus, Scaled, Transposed
from probe.spectra.cases import CASES

from oracle.dense_jacobian import dense_jacobian

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5}


def operator_of(
    name: str, dtype: torch.dtype = torch.float64
) -> tuple[JacobianOperator, torch.Tensor]:
    case = CASES[name].to(dtype)
    x = case.input(dtype=dtype)
    places = case.places(x)
    assert places.branch is not None
    return places.operator(places.branch), dense_jacobian(case.branch, x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_products_are_those_of_the_dense_jacobian(name: str, dtype: torch.dtype) -> None:
    operator, J = operator_of(name, dtype)
    v = torch.randn(2, operator.num_inputs, dtype=dtype)
    u = torch.randn(2, operator.num_outputs, dtype=dtype)
    close = {"rtol": TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    torch.testing.assert_close(operator.matvec(v), torch.einsum("bmn,bn->bm", J, v), **close)
    torch.testing.assert_close(operator.rmatvec(u), torch.einsum("bmn,bm->bn", J, u), **close)


@pytest.mark.parametrize("name", CASES)
def test_forward_and_backward_products_are_adjoint(name: str) -> None:
    operator, _ = operator_of(name)
    v = torch.randn(2, operator.num_inputs, dtype=torch.float64)
    u = torch.randn(2, operator.num_outputs, dtype=torch.float64)
    for op in (operator, Transposed(operator)):
        a, b = (v, u) if op is operator else (u, v)
        left = (op.matvec(a) * b).sum(1)
        right = (a * op.rmatvec(b)).sum(1)
        torch.testing.assert_close(left, right)


def test_identity_plus_adds_the_vector() -> None:
    operator, J = operator_of("mlp")
    v = torch.randn(2, 40, dtype=torch.float64)
    expected = torch.einsum("bmn,bn->bm", J + torch.eye(40, dtype=torch.float64), v)
    torch.testing.assert_close(IdentityPlus(operator).matvec(v), expected)


@pytest.mark.parametrize("name", ["preact-conv-bn", "grouped-conv", "transposed-conv"])
def test_slimming_the_double_backward_changes_no_bit(name: str) -> None:
    case = CASES[name]
    x = case.input().requires_grad_()
    u = torch.zeros_like(x).requires_grad_() * 1
    v = torch.randn_like(x)
    (gradient,) = torch.autograd.grad(case.branch(x), x, u, create_graph=True)
    (full,) = torch.autograd.grad(gradient, u, v, retain_graph=True)
    slim(gradient, cotangent=u)
    (slimmed,) = torch.autograd.grad(gradient, u, v, retain_graph=True)
    assert torch.equal(full, slimmed)


def test_batch_norm_with_batch_statistics_is_not_slimmed_away() -> None:
    norm = nn.BatchNorm2d(3).double().requires_grad_(False)
    x = torch.randn(4, 3, 5, 5, dtype=torch.float64).requires_grad_() * 1
    places = Place.of(x), Place.of(norm(x))
    operator = JacobianOperator(places[0], target=places[1], batch=None)
    v = torch.randn(1, x.numel(), dtype=torch.float64)
    expected = torch.func.jvp(
        nn.BatchNorm2d(3, track_running_stats=False).double(), (x.detach(),), (v.view_as(x),)
    )[1]
    torch.testing.assert_close(operator.matvec(v), expected.reshape(1, -1))


def test_a_source_that_the_target_does_not_see_gives_zeros() -> None:
    x, z = (torch.randn(2, 3).requires_grad_() * 1 for _ in range(2))
    operator = JacobianOperator(Place.of(x), target=Place.of(torch.tanh(z)), batch=2)
    ones = torch.ones(2, 3)
    assert not operator.matvec(ones).any()
    assert not operator.rmatvec(ones).any()


def test_coupled_samples_make_one_vector() -> None:
    x = torch.randn(4, 3, dtype=torch.float64).requires_grad_() * 1
    operator = JacobianOperator(Place.of(x), target=Place.of(x - x.mean(0)), batch=None)
    assert (operator.num_samples, operator.num_inputs) == (1, 12)
    v = torch.randn(1, 12, dtype=torch.float64)
    expected = v.view(4, 3) - v.view(4, 3).mean(0)
    torch.testing.assert_close(operator.matvec(v).view(4, 3), expected)


def test_a_batch_that_does_not_lie_first_is_refused() -> None:
    x = torch.randn(5, 3).requires_grad_() * 1
    with pytest.raises(ValueError, match=r"shape \(5, 3\) does not hold 2 samples"):
        JacobianOperator(Place.of(x), target=Place.of(x + 1), batch=2)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: object, g: torch.Tensor) -> torch.Tensor:
        return 2 * g


class Hidden(Once):
    @staticmethod
    def backward(ctx: object, g: torch.Tensor) -> torch.Tensor:
        return 2 * g.detach()


@pytest.mark.parametrize("function", [Once, Hidden])
def test_a_backward_that_cannot_be_differentiated_gives_a_reason(
    function: type[torch.autograd.Function],
) -> None:
    x = torch.randn(2, 3).requires_grad_() * 1
    operator = JacobianOperator(Place.of(x), target=Place.of(function.apply(x)), batch=2)
    with pytest.raises(NotMeasurable, match="cannot be differentiated again"):
        operator.matvec(torch.ones(2, 3))
    torch.testing.assert_close(operator.rmatvec(torch.ones(2, 3)), torch.full((2, 3), 2.0))


def test_half_precision_graphs_take_and_return_float32() -> None:
    x = torch.randn(2, 8, dtype=torch.bfloat16).requires_grad_() * 1
    operator = JacobianOperator(Place.of(x), target=Place.of(2 * x), batch=2)
    product = operator.matvec(torch.ones(2, 8))
    assert product.dtype == torch.float32
    torch.testing.assert_close(product, torch.full((2, 8), 2.0))


@pytest.mark.parametrize("dtype", [torch.complex128, torch.complex64], ids=str)
def test_a_complex_number_counts_as_two_real_ones(dtype: torch.dtype) -> None:
    x = torch.randn(2, 4, dtype=dtype).requires_grad_() * 1
    A = torch.randn(4, 3, dtype=dtype)

    def function(z: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid((z @ A).abs()) * (z.conj() @ A)

    def in_real_numbers(rows: torch.Tensor) -> torch.Tensor:
        z = torch.view_as_complex(rows.unflatten(1, (4, 2)))
        return torch.view_as_real(function(z)).flatten(1)

    J = dense_jacobian(in_real_numbers, torch.view_as_real(x.detach()).flatten(1))
    operator = JacobianOperator(Place.of(x), target=Place.of(function(x)), batch=2)
    assert (operator.num_inputs, operator.num_outputs) == (8, 6)
    assert operator.dtype == dtype.to_real()
    v, u = (torch.randn(2, n, dtype=operator.dtype) for n in (8, 6))
    close = {"rtol": TOLERANCE[operator.dtype], "atol": 10 * TOLERANCE[operator.dtype]}
    torch.testing.assert_close(operator.matvec(v), torch.einsum("bmn,bn->bm", J, v), **close)
    torch.testing.assert_close(operator.rmatvec(u), torch.einsum("bmn,bm->bn", J, u), **close)


def test_a_map_from_real_to_complex_numbers_has_a_jacobian() -> None:
    x = torch.randn(2, 5, dtype=torch.float64).requires_grad_() * 1
    operator = JacobianOperator(Place.of(x), target=Place.of(torch.fft.fft(x)), batch=2, anchor=x)
    # The discrete Fourier transform keeps lengths up to sqrt(5).
    v = torch.randn(2, 5, dtype=torch.float64)
    lengths = operator.matvec(v).norm(dim=1)
    torch.testing.assert_close(lengths, 5**0.5 * v.norm(dim=1))


def test_scaled_multiplies_both_products() -> None:
    operator, J = operator_of("mlp")
    v, u = (torch.randn(2, 40, dtype=torch.float64) for _ in range(2))
    scaled = Scaled(operator, -3.0)
    torch.testing.assert_close(scaled.matvec(v), -3 * torch.einsum("bmn,bn->bm", J, v))
    torch.testing.assert_close(scaled.rmatvec(u), -3 * torch.einsum("bmn,bm->bn", J, u))


def test_the_model_and_the_random_state_are_left_alone() -> None:
    weight = torch.randn(3, 3, requires_grad=True)
    x = torch.randn(2, 3).requires_grad_() * 1
    with JacobianOperator(Place.of(x), target=Place.of(x @ weight), batch=2) as operator:
        before = torch.get_rng_state()
        operator.matvec(operator.rmatvec(torch.ones(2, 3)))
    assert torch.equal(before, torch.get_rng_state())
    assert weight.grad is None


def test_a_step_function_has_a_zero_jacobian_without_complaint() -> None:
    x = torch.randn(2, 3).requires_grad_() * 1
    operator = JacobianOperator(Place.of(x), target=Place.of(torch.sign(x)), batch=2)
    assert not operator.matvec(torch.ones(2, 3)).any()


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_the_anchors_value_does_not_matter(value: float) -> None:
    x = torch.randn(2, 3).requires_grad_() * 1
    y = torch.tanh(x)
    anchor = (y * 0 + value).double()
    operator = JacobianOperator(Place.of(x), target=Place.of(y), batch=2, anchor=anchor)
    found = operator.matvec(torch.ones(2, 3))
    torch.testing.assert_close(found, 1 - y.detach() ** 2)
