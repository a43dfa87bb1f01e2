"""Powers and products of matrices: given eigenvalues, random ones, and one that is not normal.

A gain is |A_L ... A_1 v| / |v|. Symbols: W [n, n] a layer, s^2 / n its entries' variance, L layers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from plusone.theory.bounds import log_eigenvalue_power

DEPTH, WIDTH, STRENGTH = 50, 128, 0.5
NUM_DRAWS = 100
EIGENVALUES = (-0.9, -0.5, -0.1, 0.1, 0.5)
KINDS = ("plain", "residual", "scaled residual")


def log10_gain(eigenvalue: complex, depth: int, *, has_skip: bool) -> float:
    """log10 of what `depth` layers, applied one after another, make of a vector.

    The layer is [[a, -b], [b, a]], which is normal and has the eigenvalues a + ib and a - ib.
    """
    a, b = eigenvalue.real, eigenvalue.imag
    layer = torch.tensor([[a, -b], [b, a]], dtype=torch.float64)
    if has_skip:
        layer = layer + torch.eye(2, dtype=torch.float64)
    v = torch.tensor([0.6, 0.8], dtype=torch.float64)
    for _ in range(depth):
        v = layer @ v
    return math.log10(float(v.norm()))


def given_eigenvalues() -> dict[str, object]:
    """The gains of EIGENVALUES, their distance from the closed form, and where the shift helps."""
    gains, errors = [], []
    for value in EIGENVALUES:
        measured = [log10_gain(value, DEPTH, has_skip=skip) for skip in (False, True)]
        closed = [power / math.log(10) for power in log_eigenvalue_power(value, DEPTH)]
        errors += [abs(m - c) for m, c in zip(measured, closed, strict=True)]
        gains.append(measured)
    generator = torch.Generator().manual_seed(0)
    drawn = 3 * torch.rand(2000, 2, generator=generator, dtype=torch.float64) - 1.5
    agrees = [
        (log10_gain(z, 5, has_skip=True) > log10_gain(z, 5, has_skip=False)) == (z.real > -0.5)
        for z in (complex(a, b) for a, b in drawn.tolist())
    ]
    return {"gains": gains, "error": max(errors), "agrees": sum(agrees) / len(agrees)}


def least_log10_gain(radius: float) -> float:
    """log10 of the least gain with skips over eigenvalues that fill [-radius, radius]."""
    values = torch.linspace(-radius, radius, 21, dtype=torch.float64).tolist()
    return min(log10_gain(value, DEPTH, has_skip=True) for value in values)


def jordan(eigenvalue: float, size: int) -> Tensor:
    """The matrix of one eigenvalue on the diagonal and ones beside it."""
    return eigenvalue * torch.eye(size, dtype=torch.float64) + torch.diag(
        torch.ones(size - 1, dtype=torch.float64), 1
    )


def norms_of_powers(a: Tensor, depth: int) -> list[float]:
    """log10 of the spectral norm of A^k for k = 1 ... depth."""
    power, found = torch.eye(len(a), dtype=a.dtype), []
    for _ in range(depth):
        power = a @ power
        found.append(math.log10(float(torch.linalg.matrix_norm(power, ord=2))))
    return found


def second_moments(seed: int) -> Mapping[str, list[float]]:
    """log10 of the mean gain^2 after each of DEPTH independent Gaussian layers, by kind."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(NUM_DRAWS, WIDTH, 1, generator=generator)
    v = {kind: start / start.norm(dim=1, keepdim=True) for kind in KINDS}
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(DEPTH):
        w = torch.randn(NUM_DRAWS, WIDTH, WIDTH, generator=generator) * STRENGTH / WIDTH**0.5
        v["plain"] = w @ v["plain"]
        v["residual"] = v["residual"] + w @ v["residual"]
        v["scaled residual"] = v["scaled residual"] + w @ v["scaled residual"] / DEPTH**0.5
        for kind in KINDS:
            square = v[kind].double().square().sum(1).mean()
            found[kind].append(math.log10(float(square)))
    return found


def moment_laws() -> dict[str, float]:
    """E gain^2 of one layer by kind: s^2, 1 + s^2 and 1 + s^2 / L, exact at any width.

    E |(c I + W) v|^2 = (c^2 + s^2) |v|^2, as W has mean zero and knows nothing of v.
    """
    square = STRENGTH**2
    return {"plain": square, "residual": 1 + square, "scaled residual": 1 + square / DEPTH}


def slopes(seed: int) -> dict[str, float]:
    """Decades a layer: measured, and log10 of the spectral radius, without and with skips.

    "repeated" has one Gaussian matrix in all layers, and its slope is that of the last half, where
    the largest eigenvalue has taken over; "independent" has a new one in each.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = torch.randn(DEPTH, WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    layers = layers * STRENGTH / WIDTH**0.5
    start = torch.randn(WIDTH, 16, generator=generator, dtype=torch.float64)
    eigenvalues = torch.linalg.eigvals(layers)
    found = {}
    for kind, shift in (("plain", 0.0), ("residual", 1.0)):
        radii = (eigenvalues + shift).abs().amax(1).log10()
        found[f"{kind} radius, independent"] = float(radii.mean())
        found[f"{kind} radius, repeated"] = float(radii[0])
        gains = _log10_gains(layers, shift, start)
        found[f"{kind} measured, independent"] = float(gains[-1] / DEPTH)
        gains = _log10_gains(layers[:1].expand(DEPTH, -1, -1), shift, start)
        half = DEPTH // 2
        found[f"{kind} measured, repeated"] = float(gains[-1] - gains[half - 1]) / half
    return found


def _log10_gains(layers: Tensor, shift: float, start: Tensor) -> Tensor:
    """log10 of the root mean square gain of the columns of `start` after each layer."""
    v, found = start, []
    for layer in layers:
        v = layer @ v + shift * v
        found.append(v.norm() / start.norm())
    return torch.stack(found).log10()
