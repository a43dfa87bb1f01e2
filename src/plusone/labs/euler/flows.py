"""Residual nets beside the differential equation dx/dt = f(x, t) that they step along.

Branches are tanh (a ReLU's kink would lower the order of higher methods) and float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from plusone.labs.base.extra import need
from plusone.nn import RK4, Euler, Heun, Integrator

WIDTH, HIDDEN, NUM_POINTS = 8, 32, 16
METHODS: dict[str, type[Integrator]] = {"Euler": Euler, "Heun": Heun, "RK4": RK4}
PEER_STEPS = 1024
# Errors below this are rounding, and no part of a slope.
LEAST_ERROR = 1e-12


class Velocity:
    """f(x, t) = W2(t) tanh(W1(t) x + b(t)), W(t) = W cos(pi t) + W' sin(pi t), or W throughout."""

    def __init__(self, generator: torch.Generator, *, is_smooth: bool = False) -> None:
        def drawn(*shape: int) -> Tensor:
            values = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
            return values / math.sqrt(shape[-1])

        self.first, self.bias = drawn(HIDDEN, WIDTH), drawn(HIDDEN)
        self.last = drawn(WIDTH, HIDDEN)
        self.is_smooth = is_smooth

    def at(self, time: float, x: Tensor) -> Tensor:
        """The velocity at a time."""
        c, s = (math.cos(math.pi * time), math.sin(math.pi * time)) if self.is_smooth else (1, 0)
        first, bias, last = (c * w[0] + s * w[1] for w in (self.first, self.bias, self.last))
        return torch.tanh(x @ first.T + bias) @ last.T


class Branch(nn.Module):
    """The velocity at one time, as the branch of a block."""

    def __init__(self, velocity: Velocity, time: float) -> None:
        super().__init__()
        self.velocity, self.time = velocity, time

    def forward(self, x: Tensor) -> Tensor:
        return self.velocity.at(self.time, x)


def start(generator: torch.Generator) -> Tensor:
    """Points to start from, [16, 8]."""
    return torch.randn(NUM_POINTS, WIDTH, generator=generator, dtype=torch.float64)


def net(velocity: Velocity, depth: int, method: str = "Euler") -> nn.Sequential:
    """The residual net of so many blocks with step 1/depth, from time 0 to 1.

    Block l has the weights of time l/depth, as forward Euler asks.
    """
    kind = METHODS[method]
    return nn.Sequential(
        *(kind(Branch(velocity, number / depth), step=1 / depth) for number in range(depth))
    )


def torchdiffeq_rk4(velocity: Velocity, x: Tensor) -> Tensor:
    """The solution at time 1 by torchdiffeq with steps of 1/1024 (its dopri8 stalls at 1e-9).

    With 1/512 its own error is 1e-11, what is asked of the reference.
    """
    return _odeint(velocity, x, method="rk4", options={"step_size": 1 / PEER_STEPS})


def torchdiffeq_adaptive(velocity: Velocity, x: Tensor) -> Tensor:
    """The solution at time 1 by torchdiffeq's adaptive dopri5, with tolerances of 1e-11."""
    return _odeint(velocity, x, method="dopri5", rtol=1e-11, atol=1e-11)


def torchdiffeq_euler(velocity: Velocity, x: Tensor, depth: int) -> Tensor:
    """What torchdiffeq's own forward Euler gives with steps of 1/depth."""
    return _odeint(velocity, x, method="euler", options={"step_size": 1 / depth})


def _odeint(velocity: Velocity, x: Tensor, **how: object) -> Tensor:
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    path = need("torchdiffeq").odeint(lambda t, y: velocity.at(float(t), y), x, times, **how)
    last: Tensor = path[-1]
    return last


def reference(velocity: Velocity, x: Tensor) -> Tensor:
    """The solution at time 1 by SciPy's adaptive method of order 8."""

    def rates(time: float, flat: np.ndarray) -> np.ndarray:
        y = torch.from_numpy(flat.reshape(x.shape))
        return velocity.at(time, y).numpy().ravel()

    solve = need("scipy.integrate").solve_ivp
    found = solve(rates, (0, 1), x.numpy().ravel(), method="DOP853", rtol=1e-13, atol=1e-14)
    return torch.from_numpy(found.y[:, -1].reshape(x.shape))


def hand_stepped(velocity: Velocity, x: Tensor, depth: int) -> np.ndarray:
    """Forward Euler written out in NumPy, sharing no line with the net."""
    w1, b, w2 = (w[0].numpy() for w in (velocity.first, velocity.bias, velocity.last))
    y = x.numpy().copy()
    for _ in range(depth):
        y = y + np.tanh(y @ w1.T + b) @ w2.T / depth
    return y


def independent_error(generator: torch.Generator, x: Tensor, depths: Sequence[int]) -> list[float]:
    """The errors where every block draws weights of its own, still with steps of 1/depth.

    The mean over draws of the velocity is zero, so what could be the limit is dx/dt = 0.
    """
    errors = []
    for depth in depths:
        y = x
        for _ in range(depth):
            y = Euler(Branch(Velocity(generator), 0.0), step=1 / depth)(y)
        errors.append(rms(y - x))
    return errors


def rms(x: Tensor) -> float:
    """The root mean square of all entries."""
    return float(x.square().mean().sqrt())


def order(depths: Sequence[int], errors: Sequence[float]) -> float:
    """Minus the slope of ln error over ln depth, over the errors above rounding."""
    kept = [
        (math.log(n), math.log(e)) for n, e in zip(depths, errors, strict=True) if e > LEAST_ERROR
    ]
    at, found = np.asarray(kept).T
    return -float(np.polyfit(at, found, 1)[0])
