"""Random matrices of known families, and by how many stated errors the estimates miss them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plusone.distributions import wasserstein
from plusone.probe.endtoend import DensityConfig, SingularDensity, density_of
from plusone.probe.golub_kahan import Bidiagonalisation, random_start
from plusone.probe.krylov import golub_kahan_spectrum
from plusone.probe.operator_algebra import IdentityPlus, Operator
from plusone.probe.spectrum import Estimate, SpectrumConfig
from probe.spectra.matrix import MatrixOperator

Family = Callable[[torch.Generator, int], Tensor]


def _noise(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(shape, generator=generator)


def _gauss(generator: torch.Generator, n: int) -> Tensor:
    return _noise(generator, n, n) / math.sqrt(n)


def _mlp(generator: torch.Generator, n: int) -> Tensor:
    """A ReLU layer between two Gaussian maps."""
    first = math.sqrt(2 / n) * _noise(generator, 2 * n, n)
    open_ = (_noise(generator, 2 * n, 1) > 0).float()
    return _noise(generator, n, 2 * n) / math.sqrt(2 * n) @ (open_ * first)


def _product(generator: torch.Generator, n: int) -> Tensor:
    return _gauss(generator, n) @ _gauss(generator, n) @ _gauss(generator, n)


def _outlier(size: float) -> Family:
    """One direction on top of noise: an isolated value at size + 1 / size, above the edge 2."""

    def draw(generator: torch.Generator, n: int) -> Tensor:
        u, v = (_noise(generator, n) for _ in range(2))
        return _gauss(generator, n) + size * torch.outer(u / u.norm(), v / v.norm())

    return draw


def _spectrum(values: Callable[[int], Tensor]) -> Family:
    """Given singular values between random orthogonal maps."""

    def draw(generator: torch.Generator, n: int) -> Tensor:
        left, right = (torch.linalg.qr(_noise(generator, n, n))[0] for _ in range(2))
        return left @ (values(n)[:, None] * right)

    return draw


def _shifted(generator: torch.Generator, n: int) -> Tensor:
    """Weights with a mean: one direction that carries most."""
    return _gauss(generator, n) + float(_noise(generator, 1).abs()) / math.sqrt(n)


def _residual(depth: int, scale: float) -> Family:
    def draw(generator: torch.Generator, n: int) -> Tensor:
        J = torch.eye(n)
        for _ in range(depth):
            J = J + scale * _gauss(generator, n) @ J
        return J

    return draw


def _tokens(generator: torch.Generator, n: int) -> Tensor:
    """The same layer for four tokens, each with units of its own open: clusters of values."""
    d = n // 4
    first = math.sqrt(2 / d) * _noise(generator, 2 * d, d) + 0.7 / math.sqrt(d)
    second = (_noise(generator, d, 2 * d) + 0.7) / math.sqrt(2 * d)
    opens = [(_noise(generator, 2 * d, 1) > -0.3).float() for _ in range(4)]
    return torch.block_diag(*(second @ (o * first) for o in opens))


FAMILIES: dict[str, Family] = {
    "gauss": _gauss,
    "mlp": _mlp,
    "product": _product,
    "outlier 2": _outlier(2.0),
    "outlier 6": _outlier(6.0),
    "log uniform": _spectrum(lambda n: torch.logspace(-3, 0, n)),
    "inverse": _spectrum(lambda n: 1 / torch.arange(1, n + 1.0)),
    "inverse root": _spectrum(lambda n: torch.arange(1, n + 1.0) ** -0.5),
    "uniform": _spectrum(lambda n: torch.linspace(0, 1, n)),
    "rank one": _spectrum(lambda n: (torch.arange(n) == 0).float()),
    "wide": lambda g, n: _noise(g, n // 2, n) / math.sqrt(n),
    "tall": lambda g, n: _noise(g, 2 * n, n) / math.sqrt(n),
    "shifted": _shifted,
    "tokens": _tokens,
    "residual": _residual(16, 0.3),
}


@dataclass(frozen=True)
class Miss:
    """An estimate of a family: its distance from the truth and its stated error, over the truth."""

    family: str
    quantity: str
    width: int
    distance: float
    stated: float

    def within(self, errors: float) -> bool:
        """Whether the distance is at most so many stated errors (and rounding)."""
        return self.distance <= errors * self.stated + 1e-4


def spectrum_misses(
    width: int, *, repeats: int, samples: int = 2, names: Iterable[str] = tuple(FAMILIES)
) -> Iterator[Miss]:
    """Spectral norm, Frobenius norm and stable rank of F and I + F of each family."""
    for name in names:
        family = FAMILIES[name]
        for seed in range(repeats):
            generator = torch.Generator().manual_seed(1000 * width + seed)
            A = torch.stack([family(generator, width) for _ in range(samples)])
            yield from _spectrum_of(name, A, MatrixOperator(A), seed)
            if A.shape[1] == A.shape[2]:
                plus = IdentityPlus(MatrixOperator(A))
                yield from _spectrum_of(f"1 + {name}", A + torch.eye(width), plus, seed)


def _spectrum_of(name: str, A: Tensor, operator: Operator, seed: int) -> Iterator[Miss]:
    start = random_start(operator, generator=torch.Generator().manual_seed(seed))
    recurrence = Bidiagonalisation(operator, start_BN=start)
    found = golub_kahan_spectrum(recurrence, config=SpectrumConfig())
    squares = torch.linalg.svdvals(A.double()) ** 2
    width = A.shape[2]
    for quantity, estimate, exact in (
        ("spectral norm", found.spectral_norm, squares[:, 0].sqrt()),
        ("Frobenius norm", found.frobenius_rms, (squares.sum(1) / width).sqrt()),
        ("stable rank", found.stable_rank, squares.sum(1) / squares[:, 0]),
    ):
        yield _miss(name, quantity, width, estimate, float(exact.mean()))


def _miss(family: str, quantity: str, width: int, estimate: Estimate, exact: float) -> Miss:
    return Miss(
        family, quantity, width, abs(estimate.value - exact) / exact, estimate.error / exact
    )


def density_misses(width: int, *, repeats: int, samples: int) -> Iterator[Miss]:
    """The distribution of singular values and its median, over the largest value."""
    for name, family in FAMILIES.items():
        for seed in range(repeats):
            generator = torch.Generator().manual_seed(1000 * width + seed)
            A = torch.stack([family(generator, width) for _ in range(samples)])
            found = density_of(
                MatrixOperator(A),
                generator=torch.Generator().manual_seed(seed),
                config=DensityConfig(exact_limit=0),
            )
            assert isinstance(found, SingularDensity)
            yield from _density_of(name, A, found)


def _density_of(name: str, A: Tensor, found: SingularDensity) -> Iterator[Miss]:
    values = torch.linalg.svdvals(A.double()).numpy()
    top, width = float(values.max()), A.shape[2]
    exact = values.flatten(), np.full(values.size, 1.0 / values.size)
    nodes = np.array(found.nodes), np.array(found.weights)
    yield Miss(name, "density", width, wasserstein(nodes, exact) / top, found.distance_error)
    off = abs(found.median.value - float(np.median(values, axis=1).mean())) / top
    yield Miss(name, "median", width, off, found.median.error / top)
