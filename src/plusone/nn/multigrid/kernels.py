"""A cycle's steps: as convolutions where gradients are wanted, else as sums of shifted grids.

Both compute the same. With one channel torch's convolutions take three times as long on a large
grid as the sums; on a small one, where training happens, each of them is one operation for autograd
instead of six.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from plusone.nn.multigrid.stencils import composed, factors, prolonged, residual, restricted


class Kernels:
    """The kernels of all levels in one type; grids are [N, 1, H, W]."""

    def __init__(
        self, stencil: Tensor, smoothers: Tensor, restriction: Tensor, prolongation: Tensor
    ) -> None:
        self.stencil = stencil
        self.restriction = restriction[None, None]
        self.prolongation = prolongation[None, None]
        self.smoothers = [kernel[None, None] for kernel in smoothers]
        self.is_pointwise = smoothers.shape[-1] == 1
        self.is_traced = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if self.is_traced:
            self.a = stencil[None, None]
            self.of_residual = composed(stencil, restriction)[None, None]
            self.by_sums = None
            return
        self.weights = [float(kernel[0, 0]) for kernel in smoothers] if self.is_pointwise else []
        down, up = factors(restriction), factors(prolongation)
        self.by_sums = None if down is None or up is None else (down, up)

    def smoothed(self, u: Tensor | None, g: Tensor, sweep: int) -> Tensor:
        """u + K (g - A u), from u = 0 where there is none."""
        kernel = self.smoothers[sweep]
        if u is None:
            return g * kernel if self.is_pointwise else F.conv2d(g, kernel, padding=1)
        r = self._residual(u, g)
        if not self.is_pointwise:
            return u + F.conv2d(r, kernel, padding=1)
        if self.is_traced:
            return torch.addcmul(u, r, kernel)
        return r.mul_(self.weights[sweep]).add_(u)

    def restricted(self, u: Tensor | None, g: Tensor) -> Tensor:
        """4 R (g - A u): what the next grid has on its right, at spacing 1."""
        if self.is_traced:
            coarse = 4 * F.conv2d(g, self.restriction, stride=2)
            if u is None:
                return coarse
            return torch.sub(coarse, F.conv2d(u, self.of_residual, stride=2, padding=1), alpha=4)
        r = g if u is None else self._residual(u, g)
        if self.by_sums is None:
            return 4 * F.conv2d(r, self.restriction, stride=2)
        return restricted(r, self.by_sums[0]).mul_(4)

    def prolonged(self, e: Tensor, u: Tensor | None) -> Tensor:
        """u + P e, or P e where there is no u; without gradients it may be written over u."""
        if self.by_sums is not None:
            return prolonged(e, self.by_sums[1], u)
        up = F.conv_transpose2d(e, self.prolongation, stride=2)
        return up if u is None else u + up

    def _residual(self, u: Tensor, g: Tensor) -> Tensor:
        if self.is_traced:
            return g - F.conv2d(u, self.a, padding=1)
        return residual(u, g, self.stencil)
