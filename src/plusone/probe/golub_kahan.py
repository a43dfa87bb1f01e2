"""Golub-Kahan bidiagonalisation of many independent operators side by side.

Shape suffixes: B samples, N inputs and M outputs per sample.
"""

from __future__ import annotations

import math

import torch

from plusone.probe.operator import NotMeasurable
from plusone.probe.operator_algebra import Operator

# A vector that is this many rounding errors long is nothing but rounding: the Krylov space is
# exhausted, and what is known of the chain is exact.
_NOISE = 64.0
# How far <v, A^T u> may be from <A v, u>, relative. Products through bfloat16 (also inside
# autocast, which no border shows) differ by 0.6 % where vectors are short; what cannot be
# differentiated twice is off by more than this, or by less than the spectra are wanted to.
_ADJOINT = {torch.float64: 1e-6}
_ADJOINT_LOW = 0.05


class Bidiagonalisation:
    """A v_k = alpha_k u_k + beta_{k-1} u_{k-1} and A^T u_k = alpha_k v_k + beta_k v_{k+1}.

    `step` appends the next bond (alpha_1, beta_1, alpha_2, ...) of every sample. Vectors are kept
    and every new one is orthogonalised against all, so Ritz values do not repeat. A sample whose
    next vector vanishes (zero matrix, low rank, identity) is exhausted: its later bonds are 0 and
    its singular values those of the chain so far. A sample with a non-finite product is lost: its
    later bonds are NaN. Neither disturbs its neighbours.

    Cost of m steps: m products and O(m^2 (N + M)) arithmetic per sample; norms are accumulated in
    float64, bonds are floats. Reference: Golub and Kahan (1965); Simon and Zha (2000).
    """

    def __init__(
        self,
        operator: Operator,
        *,
        start_BN: torch.Tensor,
        first_product_BM: torch.Tensor | None = None,
    ) -> None:
        self.operator = operator
        self.bonds: list[list[float]] = [[] for _ in range(operator.num_samples)]
        self.is_exhausted = [False] * operator.num_samples
        self.is_lost = [False] * operator.num_samples
        self.num_products = 0
        self._right = [start_BN]
        self._left: list[torch.Tensor] = []
        self._first_product = first_product_BM
        self._noise = _NOISE * torch.finfo(start_BN.dtype).eps

    @property
    def num_bonds(self) -> int:
        """Bonds known per sample."""
        return len(self.bonds[0])

    @property
    def is_finished(self) -> bool:
        """Whether further steps would change nothing."""
        return all(a or b for a, b in zip(self.is_exhausted, self.is_lost, strict=True))

    def step(self) -> None:
        """Applies A or A^T once and appends one bond to each sample.

        Raises:
            NotMeasurable: the operator cannot be applied, or its A^T is not the transpose of A.
        """
        if len(self._left) < len(self._right):
            self._left.append(self._next(self._product(), self._left))
        else:
            image = self.operator.rmatvec(self._left[-1])
            self.num_products += 1
            if self.num_bonds == 1:
                self._check_adjoint(image)
            self._right.append(self._next(image, self._right))

    def _product(self) -> torch.Tensor:
        if self._first_product is not None:
            image, self._first_product = self._first_product, None
            return image
        self.num_products += 1
        return self.operator.matvec(self._right[-1])

    def _next(self, image: torch.Tensor, basis: list[torch.Tensor]) -> torch.Tensor:
        """The normalised part of `image` outside `basis`, whose length becomes the next bond."""
        for vector in reversed(basis):
            along = torch.linalg.vecdot(vector, image).unsqueeze(1)
            image = torch.addcmul(image, along, vector, value=-1)
        scales = [self._append(i, length) for i, length in enumerate(_norms(image))]
        factor = image.new_tensor(scales).unsqueeze(1)
        if all(scales):
            return image * factor
        return torch.where(factor == 0, image.new_zeros(()), image * factor)

    def _append(self, sample: int, length: float) -> float:
        """Records one bond; the factor that normalises its vector, 0 where there is none."""
        bonds = self.bonds[sample]
        if self.is_lost[sample] or not math.isfinite(length):
            self.is_lost[sample] = True
            bonds.append(math.nan)
            return 0.0
        if self.is_exhausted[sample] or length <= self._noise * max(bonds, default=0.0):
            self.is_exhausted[sample] = True
            bonds.append(0.0)
            return 0.0
        bonds.append(length)
        return 1.0 / length

    def _check_adjoint(self, image: torch.Tensor) -> None:
        """<v_1, A^T u_1> must be alpha_1 = <A v_1, u_1>: free of charge, and telling."""
        found = torch.linalg.vecdot(self._right[0], image).tolist()
        tolerance = _ADJOINT.get(image.dtype, _ADJOINT_LOW)
        for bonds, value, size in zip(self.bonds, found, _norms(image), strict=True):
            (alpha,) = bonds
            if abs(value - alpha) > tolerance * max(size, alpha):
                raise NotMeasurable(
                    "products with the Jacobian and with its transpose disagree "
                    f"(<Jv,u> = {alpha:.4g}, <v,J^T u> = {value:.4g}): some backward on the way "
                    "cannot be differentiated again"
                )


def random_start(operator: Operator, *, generator: torch.Generator) -> torch.Tensor:
    """Unit vectors [B, N], uniform on the sphere and independent between samples.

    The generator draws a seed, not the vectors: a user who seeds inputs and scan alike would
    otherwise probe each Jacobian along its own input, which a normalised layer does not see.
    """
    device = generator.device
    seed = torch.randint(2**62, (), generator=generator, device=device)
    own = torch.Generator(device).manual_seed(int(seed))
    size = (operator.num_samples, operator.num_inputs)
    v_BN = torch.randn(size, generator=own, device=device, dtype=operator.dtype)
    v_BN /= torch.linalg.vector_norm(v_BN, dim=1, keepdim=True)
    return v_BN.to(operator.device)


def _norms(x: torch.Tensor) -> list[float]:
    norms: list[float] = torch.linalg.vector_norm(x, dim=1, dtype=torch.float64).tolist()
    return norms
