"""Hessian products against dense Hessians, and what cannot be had."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.nets import CASES, dense, mlp, residual_conv, tied
from plusone.errors import CaptureError, InputError
from plusone.landscape import Lanczos, terrain

from oracle.dense_hessian import dense_hessian, one_product


@pytest.mark.parametrize("name", CASES)
def test_products_are_those_of_the_dense_hessian(name: str) -> None:
    case = CASES[name]()
    H_NN = dense(name)
    with terrain(*case.batch) as here, here.hessian() as H:
        V_NK = torch.randn(H.size, 3, dtype=torch.float64)
        assert H.shape == tuple(H_NN.shape)
        torch.testing.assert_close(H @ V_NK, H_NN @ V_NK, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(H @ V_NK[:, 0], H_NN @ V_NK[:, 0], rtol=1e-9, atol=1e-11)


def test_running_statistics_are_used_where_they_are_asked_for() -> None:
    case = residual_conv()
    case.model.eval()
    v = torch.randn(416, dtype=torch.float64)
    expected = one_product(*case.batch, along=v)
    with terrain(*case.batch, statistics="running") as here, here.hessian() as H:
        torch.testing.assert_close(H @ v, expected, rtol=1e-9, atol=1e-11)
        assert here.statistics == "eval mode, running statistics"


def test_single_precision_agrees_to_its_rounding() -> None:
    H_NN = dense("residual_conv")
    single = residual_conv(torch.float32)
    with terrain(*single.batch) as here, here.hessian() as H:
        v = torch.randn(H.size)
        expected = (H_NN @ v.double()).float()
        assert H.dtype == torch.float32
        assert float((H @ v - expected).norm()) < 1e-4 * float(expected.norm())


def test_the_loss_and_the_gradient_come_with_it() -> None:
    case = mlp()
    with terrain(*case.batch) as here, here.hessian() as H:
        loss = F.cross_entropy(case.model(case.x), case.y)
        gradient = torch.autograd.grad(loss, list(case.model.parameters()))
        assert H.loss == pytest.approx(float(loss.detach()), rel=1e-14)
        torch.testing.assert_close(H.gradient, torch.cat([g.reshape(-1) for g in gradient]))


def test_a_tied_parameter_counts_once() -> None:
    with terrain(*tied().batch) as here:
        assert here.size == 25 + 5 + 5 + 15 + 3
        assert here.layout.names.count("first.weight") == 1


def test_frozen_parameters_are_left_out() -> None:
    case = mlp()
    case.model[0].requires_grad_(False)
    H_NN = dense_hessian(*case.batch)
    with terrain(*case.batch) as here, here.hessian() as H:
        assert H.size == len(H_NN) == 16 * 16 + 16 + 16 * 4 + 4
        v = torch.randn(H.size, dtype=torch.float64)
        torch.testing.assert_close(H @ v, H_NN @ v)


def test_complex_parameters_count_as_pairs() -> None:
    class Complex(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(3, dtype=torch.complex128))

        def forward(self, x: Tensor) -> Tensor:
            return ((self.w * x).sum() ** 2 + self.w[0] ** 3).abs() ** 2

    model, x = Complex(), torch.randn(3, dtype=torch.float64)

    def loss(pairs: Tensor) -> Tensor:
        w = torch.view_as_complex(pairs.view(3, 2))
        return ((w * x).sum() ** 2 + w[0] ** 3).abs() ** 2

    flat = torch.view_as_real(model.w.detach()).reshape(-1)
    H_NN = torch.autograd.functional.hessian(loss, flat)
    with terrain(model, x) as here, here.hessian() as H:
        assert H.size == 6
        torch.testing.assert_close(H @ torch.eye(6, dtype=torch.float64), H_NN)


def test_a_loss_linear_in_the_parameters_has_a_zero_hessian() -> None:
    with terrain(nn.Linear(3, 2), torch.randn(4, 3), loss_fn=torch.sum) as here:
        H = here.hessian()
        assert not (H @ torch.randn(8)).any()


def test_a_closed_hessian_refuses() -> None:
    with terrain(*mlp().batch) as here:
        with here.hessian() as H:
            pass
        with pytest.raises(RuntimeError, match="this Hessian is closed"):
            H.matvec(torch.randn(H.size, dtype=torch.float64))


def test_a_vector_of_another_length_is_refused() -> None:
    with (
        terrain(*mlp().batch) as here,
        here.hessian() as H,
        pytest.raises(InputError, match=r"shape \(3,\), and the parameters are 452 numbers"),
    ):
        H.matvec(torch.zeros(3))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_are_differentiated_twice(kind: Any) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = kind(3, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0][:, -1]

    with terrain(Recurrent(), torch.randn(2, 5, 3), torch.randn(2, 4), F.mse_loss) as here:
        H = here.hessian()
        assert (H @ torch.randn(H.size)).norm() > 0


class Cut(torch.autograd.Function):
    """A square whose backward is hidden from autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return 2 * g * ctx.saved_tensors[0]


class StraightThrough(torch.autograd.Function):
    """Rounds, and lets the gradient of something else pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.round()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * ctx.saved_tensors[0].roll(1)


class With(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.function.apply(self.first(x))).square().mean()


def test_what_cannot_be_differentiated_twice_is_said() -> None:
    with (
        terrain(With(Cut), torch.randn(3, 4)) as here,
        pytest.raises(CaptureError, match="twice: a custom function is marked once_differ"),
    ):
        here.hessian()


def test_second_derivatives_that_are_not_symmetric_are_no_hessian() -> None:
    with terrain(With(StraightThrough).double(), torch.randn(3, 4).double()) as here:
        H = here.hessian()
        run = Lanczos(H, start=torch.randn(H.size, dtype=torch.float64))
        run.step()
        with pytest.raises(CaptureError, match="the second derivatives are not symmetric"):
            run.step()
