"""Integrator blocks against torchdiffeq, SciPy and closed forms on linear branches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchdiffeq
from scipy.integrate import solve_ivp
from torch import Tensor, nn

import plusone
from plusone.errors import InputError
from plusone.nn import RK4, Euler, Heun, Integrator, Residual, refined
from plusone.testing import ResidualContract

METHODS = (Euler, Heun, RK4)


def branch(width: int = 6) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 12), nn.Tanh(), nn.Linear(12, width)).double()


def points() -> Tensor:
    return torch.randn(5, 6, dtype=torch.float64)


def along(f: nn.Module, x: Tensor, method: str, steps: int) -> Tensor:
    """torchdiffeq's solution at time 1."""
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    options = {"step_size": 1 / steps}
    return torchdiffeq.odeint(lambda t, y: f(y), x, times, method=method, options=options)[-1]


class _Contract(ResidualContract):
    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, 5, 16),)


class TestEuler(_Contract):
    def build(self) -> nn.Module:
        return Euler(nn.Sequential(nn.Linear(16, 16), nn.Tanh()), step=0.3)


class TestRK4(_Contract):
    def build(self) -> nn.Module:
        return RK4(nn.Sequential(nn.Linear(16, 16), nn.Tanh()), step=0.3)


def test_a_net_of_euler_blocks_is_torchdiffeqs_euler_bit_by_bit() -> None:
    f, x = branch(), points()
    net = nn.Sequential(*(Euler(f, step=1 / 64) for _ in range(64)))
    assert torch.equal(net(x), along(f, x, "euler", 64))


def test_an_euler_block_is_a_residual_block_with_a_scale() -> None:
    f, x = branch(), points()
    torch.testing.assert_close(Euler(f, step=0.3)(x), Residual(f, scale=0.3)(x), rtol=0, atol=1e-15)
    assert torch.equal(Euler(f)(x), Residual(f)(x))


def test_heun_blocks_are_torchdiffeqs_heun() -> None:
    f, x = branch(), points()
    net = nn.Sequential(*(Heun(f, step=1 / 16) for _ in range(16)))
    torch.testing.assert_close(net(x), along(f, x, "heun2", 16), rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("eigenvalue", [-1.3, 0.4])
def test_a_step_on_a_linear_branch_is_the_first_terms_of_the_exponential(
    method: type[Integrator], eigenvalue: float
) -> None:
    f = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(f.weight, eigenvalue)
    z = 0.7 * eigenvalue
    expected = sum(z**k / math.factorial(k) for k in range(method.order + 1))
    found = method(f, step=0.7)(torch.ones(1, 1, dtype=torch.float64))
    assert float(found.detach()) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_the_error_falls_with_the_power_of_the_order(method: type[Integrator]) -> None:
    f, x = branch(), points()[:1]
    with torch.no_grad():
        truth = solve_ivp(
            lambda t, y: f(torch.from_numpy(y)[None])[0].numpy(),
            (0, 1),
            x[0].numpy(),
            method="DOP853",
            rtol=1e-13,
            atol=1e-15,
        ).y[:, -1]
        depths = (4, 8, 16, 32)
        errors = [
            np.abs(nn.Sequential(*(method(f, step=1 / n) for _ in range(n)))(x)[0].numpy() - truth)
            for n in depths
        ]
    slope = np.polyfit(np.log(depths), np.log([e.max() for e in errors]), 1)[0]
    assert -slope == pytest.approx(method.order, abs=0.15)


def test_further_arguments_go_to_the_branch_at_every_stage() -> None:
    class Branch(nn.Module):
        def forward(self, x: Tensor, factor: float, *, shift: float) -> Tensor:
            return factor * x + shift

    x = points()
    z = 2 * 0.1
    once = (1 + z + z**2 / 2) * x + 0.5 * 0.1 * (1 + z / 2)
    torch.testing.assert_close(Heun(Branch(), step=0.1)(x, 2.0, shift=0.5), once)


def test_a_step_forward_and_one_back_meet_within_the_error() -> None:
    f, x = branch(), points()
    back = RK4(f, step=-0.01)(RK4(f, step=0.01)(x))
    torch.testing.assert_close(back, x, rtol=0, atol=1e-9)
    assert not torch.equal(back, x)


def test_refined_blocks_go_the_same_way_in_half_the_step() -> None:
    f, x = branch(), points()
    net = nn.Sequential(*(Euler(f, step=0.25) for _ in range(4)))
    finer = refined(net)
    assert [block.step for block in finer] == [0.125] * 8
    torch.testing.assert_close(finer(x), along(f, x, "euler", 8), rtol=0, atol=1e-15)
    own = {id(p) for p in net.parameters()} | {id(p) for p in finer[0].parameters()}
    assert own.isdisjoint({id(p) for p in finer[1].parameters()})


def test_scan_finds_one_identity_skip_around_each_step() -> None:
    net = nn.Sequential(*(Euler(branch().float(), step=0.5) for _ in range(3)))
    report = plusone.scan(net, torch.randn(4, 6), quick=True)
    assert [skip.kind for skip in report.skips] == ["identity"] * 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Euler(nn.Identity(), step=0.0), "step is 0.0; it must be a finite number"),
        (lambda: Euler(nn.Identity(), step=math.nan), "step is nan"),
        (lambda: Euler(nn.Identity(), step="a"), "step is 'a'"),  # type: ignore[arg-type]
        (lambda: Euler(nn.Identity(), step=True), "step is True"),
        (lambda: Euler(nn.Linear), "the branch of Euler is the class Linear; it must"),  # type: ignore[arg-type]
        (lambda: refined(nn.Linear(2, 2)), "Linear is no row of blocks"),  # type: ignore[arg-type]
        (lambda: refined([nn.Linear(2, 2)]), "Linear is no Integrator"),
        (lambda: Euler(nn.Linear(6, 3).double())(points()), r"gives \(5, 3\) for an input of"),
        (lambda: Heun(nn.LSTM(6, 6).double())(points()), "gives tuple for an input of"),
        (lambda: RK4(nn.ReLU(inplace=True))(points()), "ReLU writes over its input"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(make, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize("block", METHODS)
def test_a_branch_that_is_no_module_is_said_to_be_none(block: type[Integrator]) -> None:
    with pytest.raises(InputError, match=f"branch of {block.__name__} is 3; it must be a module"):
        block(3)  # type: ignore[arg-type]
