"""Losses at many points of the parameter space: one forward each, or several points in one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
_TRIAL = 3
# A forward of this many seconds is busy with arithmetic, and a batch of them saves no calls.
_LONG = 0.02
# The batch is taken where it is this much faster a point.
_GAIN = 0.9
# How far the two ways may differ, relative: sums are ordered differently.
_AGREEMENT, _AGREEMENT_LOW = 1e-9, 1e-3
# What a model raises that cannot be run in another way.
_NOT_TAKEN = (PlusoneError, RuntimeError, NotImplementedError, TypeError, ValueError)
# A forward without gradients holds about this many tensors of the size of the largest.
_ALIVE = 4


class Evaluator:
    """L(w + sum a_i d_i) at given points; settles for the faster way after one trial of each.

    A net whose time goes into calls and not into arithmetic (small layers, small batches) is
    several times faster with many sets of parameters in one forward (`torch.func.vmap`); a
    convolutional one is not, as each set needs convolutions of its own, but may be with images
    whose channels lie last in memory. What a model does not take, or answers with other losses, is
    not done.
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
        try:
            if len(points) >= _WORTH_A_TRIAL:
                self._choose_memory_format(points)
            if size > 1 and self._is_better(points):
                self.method = "batched"
                for first in range(0, len(points), size):
                    yield from self.many(points[first : first + size])
                return
            for point in points:
                yield self.one(point)
        finally:
            self._terrain.channels_last = False

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

    def _choose_memory_format(self, points: Sequence[Point]) -> None:
        """Gives images channels last from now on, if the model takes them so and is faster."""
        terrain = self._terrain
        if terrain.layout.device.type != "cpu":
            return
        some = points[:_TRIAL]
        plain, apart = self._timed(self._each, some)
        terrain.channels_last = True
        try:
            found, together = self._timed(self._each, some)
        except _NOT_TAKEN:  # a view of what is no longer contiguous
            terrain.channels_last = False
            return
        terrain.channels_last = self._agree(found, plain) and together <= _GAIN * apart

    def _is_better(self, points: Sequence[Point]) -> bool:
        """Whether a batch of points runs, agrees, and is faster."""
        some = points[:_TRIAL]
        single, apart = self._timed(self._each, some)
        if apart > _LONG * len(some) and not self._wanted:
            return False
        try:
            found, together = self._timed(self.many, some)
        except _NOT_TAKEN:  # vmap takes no data-dependent control flow, and not every operation
            return False
        is_faster = together <= _GAIN * apart
        return self._agree(found, single) and (self._wanted is True or is_faster)

    def _each(self, points: Sequence[Point]) -> list[float]:
        return [self.one(point) for point in points]

    @staticmethod
    def _timed(
        compute: Callable[[Sequence[Point]], list[float]], points: Sequence[Point]
    ) -> tuple[list[float], float]:
        """The losses and the seconds that they took, after a first call to warm up."""
        compute(points[:1])
        start = time.perf_counter()
        found = compute(points)
        return found, time.perf_counter() - start

    def _agree(self, found: Sequence[float], single: Sequence[float]) -> bool:
        is_double = self._terrain.layout.dtype is torch.float64
        tolerance = _AGREEMENT if is_double else _AGREEMENT_LOW
        return bool(
            np.allclose(found, single, rtol=tolerance, atol=1e-3 * tolerance, equal_nan=True)
        )
