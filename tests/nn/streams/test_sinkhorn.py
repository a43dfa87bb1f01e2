"""Sinkhorn's matrices and both gradients, against rounds differentiated one by one."""

import pytest
import torch

from plusone.errors import InputError
from plusone.nn.streams import sinkhorn
from plusone.testing.doubly_stochastic import assert_doubly_stochastic


def logits(size=4, count=6, std=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return std * torch.randn(count, size, size, generator=generator, dtype=torch.float64)


def reference(x, rounds):
    """Equation 9 of arXiv 2512.24880: exp, then columns and rows in turn."""
    matrix = x.exp()
    for _ in range(rounds):
        matrix = matrix / matrix.sum(-2, keepdim=True)
        matrix = matrix / matrix.sum(-1, keepdim=True)
    return matrix


@pytest.mark.parametrize("gradient", ["rounds", "implicit"])
@pytest.mark.parametrize("shape", [(4, 4), (3, 3), (2, 5, 2, 2), (0, 4, 4)])
def test_the_rounds_are_those_of_the_paper(gradient, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(
        sinkhorn(x, 7, gradient=gradient), reference(x, 7), rtol=0, atol=1e-14
    )


# How far the worst of 2,000 matrices is off a column sum of 1 after 20 rounds.
@pytest.mark.parametrize(("std", "atol"), [(0.5, 1e-8), (1.0, 1e-2), (2.0, 0.1)])
def test_rows_are_exact_and_columns_as_good_as_the_logits_allow(std, atol):
    matrix = sinkhorn(logits(count=2000, std=std))
    assert_doubly_stochastic(matrix, atol=atol)
    assert (matrix.sum(-1) - 1).abs().max() < 1e-14


def test_more_rounds_make_it_exact():
    assert_doubly_stochastic(sinkhorn(logits(count=50), 500), atol=1e-12)


@pytest.mark.parametrize("size", [2, 3, 4, 7])
@pytest.mark.parametrize("rounds", [1, 2, 20])
def test_the_gradient_is_that_of_the_rounds(size, rounds):
    x = (2 * logits(size)).requires_grad_()
    weights = logits(size, seed=1)
    (wanted,) = torch.autograd.grad((reference(x, rounds) * weights).sum(), x)
    (found,) = torch.autograd.grad((sinkhorn(x, rounds) * weights).sum(), x)
    assert (found - wanted).abs().max() < 1e-13 * wanted.abs().max()


@pytest.mark.parametrize("size", [2, 3, 4, 7])
def test_the_implicit_gradient_is_that_of_long_rounds(size):
    x = logits(size, std=0.8).requires_grad_()
    weights = logits(size, seed=1)
    (long,) = torch.autograd.grad((reference(x, 400) * weights).sum(), x)
    implicit = [
        torch.autograd.grad((sinkhorn(x, rounds, gradient="implicit") * weights).sum(), x)[0]
        for rounds in (400, 20)
    ]
    assert (implicit[0] - long).abs().max() < 1e-6 * long.abs().max()
    assert (implicit[1] - long).abs().max() < 1e-2 * long.abs().max()


@pytest.mark.parametrize(("gradient", "rounds"), [("rounds", 3), ("implicit", 200)])
def test_first_and_second_derivatives_are_those_of_finite_differences(gradient, rounds):
    x = logits(3, count=2, std=0.5).requires_grad_()

    def project(values):
        return sinkhorn(values, rounds, gradient=gradient)

    assert torch.autograd.gradcheck(project, x)
    assert torch.autograd.gradgradcheck(project, x)


def test_near_the_identity_20_rounds_have_another_gradient_than_their_limit():
    x = (7 * torch.eye(4, dtype=torch.float64)).unsqueeze(0) + 0.1 * logits(count=3)
    x.requires_grad_()
    weights = logits(count=3, seed=1)

    def gradient(matrix):
        return torch.autograd.grad((matrix * weights).sum(), x)[0]

    limit = gradient(reference(x, 2000))
    assert (gradient(sinkhorn(x, 2000, gradient="implicit")) - limit).norm() < 1e-3 * limit.norm()
    assert (gradient(sinkhorn(x, 20)) - limit).norm() > 0.3 * limit.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [100.0, 1e4])
@pytest.mark.parametrize("gradient", ["rounds", "implicit"])
def test_huge_logits_neither_overflow_nor_divide_by_zero(dtype, size, gradient):
    one_column = torch.zeros(4, 4, dtype=dtype)
    one_column[:, 2] = -size
    permutation = size * torch.eye(4, dtype=dtype)[[2, 0, 3, 1]]
    for x in (one_column, permutation):
        x.requires_grad_()
        matrix = sinkhorn(x, gradient=gradient)
        assert_doubly_stochastic(matrix, atol=1e-5)
        (grad,) = torch.autograd.grad((matrix * torch.arange(4.0)).square().sum(), x)
        assert torch.isfinite(grad).all()


def test_bfloat16_is_computed_in_float32():
    x = logits().bfloat16()
    matrix = sinkhorn(x)
    assert matrix.dtype == torch.bfloat16
    assert torch.equal(matrix, sinkhorn(x.float()).bfloat16())


# Dynamo makes an instance of any autograd.Function, of which torch itself then warns.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("gradient", ["rounds", "implicit"])
def test_it_works_under_vmap_and_compile(gradient):
    def project(values):
        return sinkhorn(values, gradient=gradient)

    x = logits().float()
    torch.testing.assert_close(torch.vmap(project)(x), project(x))
    x.requires_grad_()
    weights = logits(seed=1).float()
    torch.compiler.reset()
    compiled = torch.compile(project, fullgraph=True, backend="aot_eager")
    results = [
        (matrix, *torch.autograd.grad((matrix * weights).sum(), x))
        for matrix in (compiled(x), project(x))
    ]
    torch.testing.assert_close(*results)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sinkhorn(torch.ones(2, 3)), "square matrices; got shape"),
        (lambda: sinkhorn(torch.ones(3)), "square matrices; got shape"),
        (lambda: sinkhorn(torch.ones(2, 2), 0), "at least 1 round"),
        (lambda: sinkhorn(torch.ones(2, 2), gradient="none"), "'rounds' or 'implicit'"),
    ],
)
def test_bad_arguments_get_a_reason(call, message):
    with pytest.raises(InputError, match=message):
        call()
