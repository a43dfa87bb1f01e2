"""Patterns of skips: which earlier states are added to the output of each layer."""

from __future__ import annotations

import random

# sources[l - 1] are the states that layer l adds to its branch; state 0 is the stem's output.
Sources = tuple[tuple[int, ...], ...]


def plain(depth: int) -> Sources:
    """No skips."""
    return ((),) * depth


def residual(depth: int) -> Sources:
    """A skip around every layer."""
    return tuple((k,) for k in range(depth))


def random_density(depth: int, *, density: float, rng: random.Random) -> Sources:
    """A skip around each layer with probability `density`, independently."""
    return tuple((k,) if rng.random() < density else () for k in range(depth))


def periodic(depth: int, *, period: int) -> Sources:
    """Every `period` layers a skip around the last `period` of them."""
    return tuple(
        (k + 1 - period,) if period <= k + 1 and (k + 1) % period == 0 else () for k in range(depth)
    )


def long_range(depth: int, *, num_skips: int, rng: random.Random) -> Sources:
    """`num_skips` skips between random layers, each around two layers at least."""
    sources: list[tuple[int, ...]] = [()] * depth
    for _ in range(num_skips):
        start = rng.randrange(0, depth - 1)
        stop = rng.randrange(start + 1, depth)
        sources[stop] = tuple(sorted({*sources[stop], start}))
    return tuple(sources)
