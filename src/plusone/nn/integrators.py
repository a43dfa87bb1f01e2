"""x + h sum_i b_i k_i with k_i = f(x + h sum_j a_ij k_j): a residual block as a step in time.

With the branch f as a velocity, dx/dt = f(x), a residual block of step h is forward Euler, and a
stack of L = T/h blocks takes x from time 0 to T with an error of order h (E 2017,
10.1007/s40304-017-0103-z; Haber and Ruthotto 2017, arXiv 1705.03341). Blocks of higher order take
the same branch and ask it at more places:

| block   | asks f | error over T | source                                              |
|---------|--------|--------------|-----------------------------------------------------|
| `Euler` | 1      | h            | x + h f(x), what `Residual(f, scale=h)` computes     |
| `Heun`  | 2      | h^2          | Hairer, Nørsett and Wanner 1993, section II.1        |
| `RK4`   | 4      | h^4          | Kutta 1901; the same, table II.1.2                   |

The branch of a block is constant in its time. The linear part of a step, z = h lambda for an
eigenvalue lambda of f's Jacobian, multiplies by the polynomial R(z) = 1 + z, 1 + z + z^2/2 and the
exponential's first five terms; `plusone.theory.euler_limit` has Euler's largest step with |R| <= 1.

Test: Euler equals torchdiffeq's bit by bit; orders of 1, 2 and 4; R(z) on linear branches.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.residual import version_of

Row = tuple[float, ...]


class Integrator(nn.Module):
    """One explicit Runge-Kutta step of size `step` along the branch; a negative one goes back.

    The branch, any module, gives a tensor of its input's shape; all of `forward`'s further
    arguments go to it. `step` may be changed at any time.
    """

    stages: ClassVar[tuple[Row, ...]] = ((),)
    weights: ClassVar[Row] = (1.0,)
    order: ClassVar[int] = 1

    def __init__(self, branch: nn.Module, *, step: float = 1.0) -> None:
        super().__init__()
        if not callable(branch) or isinstance(branch, type):
            got = f"the class {branch.__name__}" if isinstance(branch, type) else repr(branch)
            raise InputError(
                f"the branch of {type(self).__name__} is {got}; it must be a module that "
                "gives a tensor of its input's shape."
            )
        if (
            isinstance(step, bool)
            or not isinstance(step, int | float)
            or not math.isfinite(step)
            or step == 0
        ):
            shown = repr(step) if isinstance(step, bool | str) else f"{step}"
            raise InputError(f"step is {shown}; it must be a finite number that is not 0.")
        self.branch = branch
        self.step = float(step)

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """Raises:
        InputError: the branch's output has not the shape of its input, or writes over it.
        """
        slopes: list[Tensor] = []
        for row in self.stages:
            place = self._moved(x, row, slopes)
            version = version_of(place)
            slope = self.branch(place, *args, **kwargs)
            self._check(place, slope, version)
            slopes.append(slope)
        return self._moved(x, self.weights, slopes)

    def _moved(self, x: Tensor, row: Row, slopes: Sequence[Tensor]) -> Tensor:
        terms = [k if a == 1 else a * k for a, k in zip(row, slopes, strict=True) if a]
        if not terms:
            return x
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return x + self.step * total

    def _check(self, place: Tensor, slope: object, version: int | None) -> None:
        name = type(self.branch).__name__
        if not isinstance(slope, Tensor) or slope.shape != place.shape:
            got = tuple(slope.shape) if isinstance(slope, Tensor) else type(slope).__name__
            raise InputError(
                f"The branch {name} gives {got} for an input of {tuple(place.shape)}; a velocity "
                "has the shape of what it moves."
            )
        if version is not None and place._version != version:
            raise InputError(
                f"The branch {name} writes over its input (a ReLU(inplace=True) at its start?), "
                "from which the step goes on; use inplace=False there."
            )

    def extra_repr(self) -> str:
        return f"step={self.step:.4g}"


class Euler(Integrator):
    """x + h f(x)."""


class Heun(Integrator):
    """x + h (k1 + k2) / 2 with k2 = f(x + h k1)."""

    stages = ((), (1.0,))
    weights = (0.5, 0.5)
    order = 2


class RK4(Integrator):
    """The classical method of Runge and Kutta."""

    stages = ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0))
    weights = (1 / 6, 1 / 3, 1 / 3, 1 / 6)
    order = 4


def refined(blocks: Iterable[nn.Module]) -> nn.Sequential:
    """Every step twice with half its size: the same way through time on a finer grid.

    Both halves have copies of the branch's weights, to be trained on from there (Chang et al. 2018,
    arXiv 1710.10348). A net that follows its differential equation computes nearly the same
    afterwards; one whose step is too large for it does not.

    Raises:
        InputError: a block is no `Integrator`.
    """
    if not isinstance(blocks, Iterable):
        raise InputError(
            f"{type(blocks).__name__} is no row of blocks; give a Sequential or a list of them."
        )
    halves: list[nn.Module] = []
    for block in blocks:
        if not isinstance(block, Integrator):
            raise InputError(
                f"{type(block).__name__} is no Integrator, so that its step cannot be halved; use "
                "Euler, Heun or RK4 around its branch."
            )
        for _ in range(2):
            half = copy.deepcopy(block)
            half.step = block.step / 2
            halves.append(half)
    return nn.Sequential(*halves)
