"""Sums over paths, enumerated and by length.

Symbols: W_l [N, N] or F_l the branches, L their number, e their size; a path takes a subset of them
in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

Branch = Callable[[Tensor], Tensor]

NUM_LAYERS, WIDTH = 10, 16
STRENGTH, MANY, WIDE = 0.5, 64, 64
SIZES = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002)
NUM_SMOOTH = 8


def network(branches: Sequence[Branch], x: Tensor) -> Tensor:
    """h + F_l(h), one block after another."""
    for branch in branches:
        x = x + branch(x)
    return x


def path_sum(branches: Sequence[Branch], x: Tensor) -> Tensor:
    """The sum over all 2^L paths of the branches on each, composed. O(2^L L)."""
    total = torch.zeros_like(x)
    for length in range(len(branches) + 1):
        for path in combinations(branches, length):
            value = x
            for branch in path:
                value = branch(value)
            total = total + value
    return total


def terms_by_length(matrices: Sequence[Tensor], x: Tensor) -> Tensor:
    """The sum over the paths of each length of the matrices on them, [L + 1, *x.shape].

    T_k <- T_k + M T_(k-1), matrix by matrix: O(L^2) products instead of 2^L.
    """
    terms = x.new_zeros(len(matrices) + 1, *x.shape)
    terms[0] = x
    for done, matrix in enumerate(matrices, start=1):
        terms[1 : done + 1] = terms[1 : done + 1] + matrix @ terms[:done]
    return terms


def shares_of(terms: Tensor) -> Tensor:
    """|T_k|^2 over its sum over k, per sample [..., L + 1] of terms [L + 1, B, N, 1]."""
    energy = terms.square().sum((-1, -2))
    return (energy / energy.sum(0)).movedim(0, -1)


def _linear(w: Tensor) -> Branch:
    return lambda v: w @ v


def _tanh(w: Tensor, size: float) -> Branch:
    return lambda v: size * torch.tanh(w @ v)


def linear_numbers(seed: int) -> dict[str, float | list[float]]:
    """The error of the enumerated sum, and the energy by path length over many draws."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    matrices = STRENGTH * drawn(NUM_LAYERS, WIDTH, WIDTH) / WIDTH**0.5
    x = drawn(WIDTH, 1)
    branches = [_linear(w) for w in matrices]
    net = network(branches, x)
    error = float((path_sum(branches, x) - net).norm() / net.norm())
    many = STRENGTH * drawn(NUM_LAYERS, MANY, WIDE, WIDE) / WIDE**0.5
    energy = terms_by_length(list(many), drawn(MANY, WIDE, 1)).square().sum((-1, -2)).mean(1)
    return {"error": error, "shares": (energy / energy.sum()).tolist()}


def smooth_numbers(seed: int) -> dict[str, list[float]]:
    """Relative errors over SIZES e of three sums, for branches e tanh(W x).

    first   x + sum F_l(x): paths of length 1, all at x; the error is of order e^2
    all     every path composed: F_m(F_l(x)) has F_m' at 0 where the net has it at x: order e^2
    second  first + sum over l < m of F_m'(x) F_l(x), the second order of the net: order e^3
    """
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(NUM_SMOOTH, WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    weights = weights / WIDTH**0.5
    x = torch.randn(WIDTH, 32, generator=generator, dtype=torch.float64)
    errors: dict[str, list[float]] = {"first": [], "all": [], "second": []}
    for size in SIZES:
        branches = [_tanh(w, size) for w in weights]
        net = network(branches, x)
        at_x = [branch(x) for branch in branches]
        first = x + sum(at_x)
        second, before = first, torch.zeros_like(x)
        for branch, value in zip(branches, at_x, strict=True):
            second = second + _derivative(branch, x, before)
            before = before + value
        for name, found in (("first", first), ("all", path_sum(branches, x)), ("second", second)):
            errors[name].append(float((found - net).norm() / net.norm()))
    return errors


def _derivative(branch: Branch, x: Tensor, along: Tensor) -> Tensor:
    """F'(x) along a direction."""
    found = torch.func.jvp(branch, (x,), (along,))[1]
    assert isinstance(found, Tensor)
    return found


def order(errors: np.ndarray) -> float:
    """The power of the size in the error: the slope of the logarithms."""
    return float(np.polyfit(np.log(SIZES), np.log(errors), 1)[0])
