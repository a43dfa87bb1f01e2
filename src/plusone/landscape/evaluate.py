"""Losses at many points of the parameter space: one forward each, or several points in one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch.func import functional_call, vmap

from plusone.capture.nested import tensors_in
from plusone.capture.ready import calls_of_modules
from plusone.errors import PlusoneError
from plusone.landscape.directions import Direction
from plusone.landscape.loss import Terrain

Method = Literal["one by one", "batched"]
Point = tuple[float, ...]

# Points in one forward: more of them gain little, and cost memory.
_MOST_AT_ONCE = 64
# Fewer points than these are not worth a trial, which takes a few: one to warm up, one to time.
_WORTH_A_TRIAL = 200
_TRIAL = 4
# The batch is taken where it is this much faster a point.
_GAIN = 0.9
# How far the two ways may differ, relative: sums are ordered differently.
_AGREEMENT, _AGREEMENT_LOW = 1e-9, 1e-3
# A forward without gradients holds about this many tensors of the size of the largest.
_ALIVE = 4


class Evaluator:
    """L(w + sum a_i d_i) at given points; settles for the faster way after one trial of each.

    A net whose time goes into calls and not into arithmetic (small layers, small batches) is
    several times faster with many sets of parameters in one forward (`torch.func.vmap`); a
    convolutional one is not, as each set needs convolutions of its own. A model that vmap does
    not take, or that gives other losses under it, is evaluated one point after another.
    """

    def __init__(
        self,
        terrain: Terrain,
        directions: Sequence[Direction],
        *,
        batched: bool | None = None,
        memory: int = 1 << 30,
    ) -> None:
        self.method: Method = "one by one"
        self._terrain = terrain
        self._directions = [tuple(t.detach() for t in d) for d in directions]
        self._wanted = batched
        self._memory = memory

    def losses(self, points: Sequence[Point]) -> Iterator[float]:
        """The loss at each point, in order."""
        size = self._size(points) if self._wanted is not False else 1
        if size > 1 and self._is_better(points):
            self.method = "batched"
            for first in range(0, len(points), size):
                yield from self.many(points[first : first + size])
            return
        for point in points:
            yield self.one(point)

    def one(self, point: Point) -> float:
        """The loss at one point, by one forward of the model as it is."""
        return self._terrain.value(list(zip(point, self._directions, strict=True)))

    @torch.no_grad()
    def many(self, points: Sequence[Point]) -> list[float]:
        """The losses at several points, by one forward over all sets of parameters."""
        terrain = self._terrain
        terrain.start_again()
        model = terrain.subject.model
        factors = torch.tensor(points, dtype=torch.float64)
        names = terrain.layout.names
        stacked = {
            name: self._moved(index, parameter, factors)
            for index, (name, parameter) in enumerate(zip(names, terrain.parameters, strict=True))
        }

        def loss(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
            def forward(*args: object, **kwargs: object) -> object:
                return functional_call(model, parameters, args, kwargs, tie_weights=True)

            return terrain.loss_of(forward)

        found: list[float] = vmap(loss, randomness="same")(stacked).tolist()
        return found

    def _moved(self, index: int, parameter: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
        moved = parameter.detach().unsqueeze(0).repeat(len(factors), *[1] * parameter.dim())
        for k, direction in enumerate(self._directions):
            along = factors[:, k].to(moved.device, moved.real.dtype)
            moved += along.view(-1, *[1] * parameter.dim()) * direction[index]
        return moved

    def _size(self, points: Sequence[Point]) -> int:
        """How many points go into one forward: as many as fit, or 1 if it is not worth a trial."""
        if self._wanted is None and len(points) < _WORTH_A_TRIAL:
            return 1
        largest = 0

        def leave(module: object, args: object, output: object) -> None:
            nonlocal largest
            largest = max([largest, *(t.nbytes for t in tensors_in(output))])

        with calls_of_modules(lambda module, args: None, leave):
            self.one(points[0])
        own = sum(p.nbytes for p in self._terrain.parameters)
        return max(1, min(_MOST_AT_ONCE, self._memory // (2 * own + _ALIVE * largest + 1)))

    def _is_better(self, points: Sequence[Point]) -> bool:
        """Whether a batch of points runs, agrees, and is faster."""
        some = points[:_TRIAL]
        try:
            self.many(some)
            start = time.perf_counter()
            found = self.many(some)
            together = time.perf_counter() - start
        except (PlusoneError, RuntimeError, NotImplementedError, TypeError, ValueError):
            return False  # vmap takes no data-dependent control flow, and not every operation
        start = time.perf_counter()
        single = [self.one(point) for point in some]
        apart = time.perf_counter() - start
        is_double = self._terrain.layout.dtype is torch.float64
        tolerance = _AGREEMENT if is_double else _AGREEMENT_LOW
        agrees = np.allclose(found, single, rtol=tolerance, atol=1e-3 * tolerance, equal_nan=True)
        return bool(agrees) and (self._wanted is True or together <= _GAIN * apart)
