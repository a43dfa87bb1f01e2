"""u' = u + P e with A_2h e = R (f - A u), between smoothing sweeps: the V-cycle, level by level.

For A u = f on a grid of spacing h with zero boundaries, one level is

    u <- u + K_s * (f - A u)      pre-smoothing: residual updates, K_s / h^2 a small kernel
    e <- cycle of A_2h e = R (f - A u) on every second point     the encoder: R, stride 2
    u <- u + P e                                                 the decoder: P, and the skip
    u <- u + K_s * (f - A u)      post-smoothing

which is a U-Net whose long skips keep u and f of each level (He and Xu 2019, MgNet, arXiv
1901.10415, section 4; Trottenberg, Oosterlee and Schüller 2001, Multigrid, chapter 2). All
levels share their kernels, so the net takes any size. R is full weighting, [1 2 1; 2 4 2; 1 2 1] /
16, and P bilinear, 4 R transposed. Coarse operators discretise A at twice the spacing: a stencil
whose entries sum to zero is the same there, the zeroth-order part of another grows (orders.py),
and the sweeps' kernels shrink as the diagonal grows.
Each sweep costs a fixed number of operations a point and the levels 1 + 1/4 + 1/16 ... < 4/3.

R touches no value outside the grid, so that R A is one [5, 5] convolution, exactly.

Test: an independent NumPy V-cycle and PyAMG's on the same operators, to 1e-10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import checked_count
from plusone.nn.multigrid.checks import checked_stencil
from plusone.nn.multigrid.kernels import Kernels
from plusone.nn.multigrid.orders import on_levels, zeroth
from plusone.nn.multigrid.solution import Solution
from plusone.nn.multigrid.stencils import chebyshev_weights, inverse, residual, sizes

POISSON = ((0.0, -1.0, 0.0), (-1.0, 4.0, -1.0), (0.0, -1.0, 0.0))
FULL_WEIGHTING = ((0.0625, 0.125, 0.0625), (0.125, 0.25, 0.125), (0.0625, 0.125, 0.0625))
# A cycle in float32 that leaves more than this share of the residual is followed by float64.
_STALLED = 0.5
# Rounding is all that is left where so many cycles have not lowered the residual by a twentieth.
_PATIENCE, _LEAST_GAIN = 5, 0.95
# A residual that has grown so far does not come back: no convergent cycle raises it as much.
_DIVERGED = 1e4

Rows = Sequence[Sequence[float]]


class VCycle(nn.Module):
    """`forward(u, f)`, both [..., H, W], is one cycle; `solve(f)` runs it until it has converged.

    Grids have H x W interior points and the spacing 1 / (W + 1). `stencil` is A at spacing 1
    (Poisson's without one); A is it over h^2. Its entries may sum to c, which adds c u / h^2 to A
    (of the diagonal's sign), but first-order terms are refused. `pre` and `post` count sweeps;
    their kernels are parameters of side `kernel_size`, 1 or 3, and begin at `weights` over A's
    diagonal (without them Chebyshev's for the upper frequencies; for one sweep that is 0.8).
    `restriction` and `prolongation` are parameters that need `requires_grad_()` to be trained.
    `skips=False` is the twin whose decoder drops u: u' = P e. (`solve` adds each cycle's e to u,
    which is a skip too, so it converges even so.) Sizes: n + 1 points must halve until some 8 are
    left.
    """

    def __init__(
        self,
        *,
        pre: int = 2,
        post: int = 2,
        weights: Sequence[float] | None = None,
        kernel_size: int = 1,
        stencil: Rows = POISSON,
        skips: bool = True,
        coarsest: int = 7,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if kernel_size not in (1, 3):
            raise InputError(f"kernel_size is {kernel_size}; a smoother's kernel is 1 or 3 wide.")
        pre, post = checked_count(pre, "pre", least=0), checked_count(post, "post", least=0)
        coarsest = checked_count(coarsest, "coarsest", least=1)
        if pre + post == 0:
            raise InputError(f"pre={pre} and post={post} sweeps; give 0 or more, and one in all.")
        dtype = dtype or torch.get_default_dtype()
        a = checked_stencil(stencil, dtype)
        zeroth(a)  # refuses a first-order term
        if weights is not None and not isinstance(weights, Sequence):
            raise InputError(f"the weights are {weights!r}; give one for each sweep, in a list.")
        if weights is None:
            weights = (*chebyshev_weights(a, pre)[::-1], *chebyshev_weights(a, post))
        if len(weights) != pre + post:
            raise InputError(
                f"{len(weights)} weights for {pre} + {post} sweeps; give one for each."
            )
        if not all(isinstance(w, int | float) and math.isfinite(w) for w in weights):
            raise InputError(f"the weights are {list(weights)}; they must be finite numbers.")
        self.num_pre, self.skips, self.coarsest = pre, skips, coarsest
        self.stencil: Tensor
        self.register_buffer("stencil", a)
        kernels = torch.zeros(pre + post, kernel_size, kernel_size, dtype=torch.float64)
        middle = kernel_size // 2
        kernels[:, middle, middle] = a.new_tensor(list(weights)) / a[1, 1]
        self.smoothers = nn.Parameter(kernels.to(dtype))
        weighting = torch.tensor(FULL_WEIGHTING, dtype=dtype)
        self.restriction = nn.Parameter(weighting.clone(), requires_grad=False)
        self.prolongation = nn.Parameter(4 * weighting, requires_grad=False)
        self._inverses: dict[tuple[object, ...], Tensor] = {}

    def forward(self, u: Tensor, f: Tensor) -> Tensor:
        """What one cycle makes of u; NaN or infinity in u or f spreads, and `solve` refuses it.

        Raises:
            InputError: u and f are no two dense tensors [..., H, W] of one shape and type that can
                be coarsened, or the net is on the meta device.
        """
        self._check(f, u)
        rows, columns = f.shape[-2:]
        grids = sizes(rows, columns, self.coarsest)
        flat = (-1, 1, rows, columns)
        g = f.reshape(flat) / (columns + 1) ** 2
        start = u.reshape(flat)
        if not self.num_pre and not torch.is_grad_enabled():
            start = start.clone()  # the decoder's sum may be written over it
        return self._cycle(start, g, *self._levels(grids, f.dtype)).reshape(f.shape)

    @torch.no_grad()
    def solve(
        self,
        f: Tensor,
        *,
        start: Tensor | None = None,
        tolerance: float = 1e-8,
        max_cycles: int = 60,
    ) -> Solution:
        """u with |f - A u| <= tolerance |f|, from `start` (zero without one), without gradients.

        Residuals and sums are in f's type. Cycles on a float64 residual run in float32, whose
        passes take half the time and whose rounding the next residual corrects, until
        one of them stalls (where h^2 comes near float32's rounding); then in float64. It ends, not
        converged, where five cycles gain nothing: of f in float32 the residual cannot fall below
        some 1e-6 on 127 x 127 points, so give f in float64 for the default tolerance. It ends too,
        and is not converged, where the residual is not finite or 10^4 times the first; u is then
        that of the least residual, where the last is not below the first.

        Raises:
            InputError: f is no tensor [..., H, W] of finite numbers that can be coarsened, or the
                tolerance or the number of cycles is none.
        """
        self._check(f, f if start is None else start)
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
            raise InputError(f"tolerance is {tolerance!r}; it must be a number, 0 or more.")
        max_cycles = checked_count(max_cycles, "max_cycles", least=0)
        for name, given in (("f", f), ("start", start)):
            if given is not None and not bool(torch.isfinite(given).all()):
                raise InputError(f"{name} holds NaN or infinity, {_first_place(given)}.")
        rows, columns = f.shape[-2:]
        grids = sizes(rows, columns, self.coarsest)
        unit = _unit(f)
        g = f.reshape(-1, 1, rows, columns) / unit / (columns + 1) ** 2
        u = torch.zeros_like(g) if start is None else start.reshape(g.shape) / unit
        stencil = self.stencil
        size = float(torch.linalg.vector_norm(g))
        r = residual(u, g, stencil)
        found = [_relative(r, size)]
        dtype = torch.float32 if f.dtype == torch.float64 else f.dtype
        levels = self._levels(grids, dtype)
        least, best, spare = found[0], u, torch.empty_like(u)
        while found[-1] > tolerance and len(found) <= max_cycles:
            largest = float(r.abs().amax())
            if largest == 0 or not torch.isfinite(r).all():
                break
            e = self._cycle(None, (r / largest).to(dtype), *levels)
            torch.add(u, e.to(f.dtype), alpha=largest, out=spare)
            u, spare = spare, u
            r = residual(u, g, stencil)
            found.append(_relative(r, size))
            if found[-1] < least:
                least, best = found[-1], u
            elif spare is best:
                spare = torch.empty_like(u)
            if not found[-1] <= _DIVERGED * found[0]:
                break
            if dtype != f.dtype and found[-1] > _STALLED * found[-2]:
                dtype = f.dtype
                levels = self._levels(grids, dtype)
            elif len(found) > 2 * _PATIENCE and min(found[-_PATIENCE:]) > _LEAST_GAIN * min(
                found[:-_PATIENCE]
            ):
                break
        return Solution(
            u=(u if found[-1] <= found[0] else best).reshape(f.shape) * unit,
            residuals=tuple(found),
            is_converged=found[-1] <= tolerance,
        )

    def _cycle(
        self, u: Tensor | None, g: Tensor, levels: Sequence[Kernels], whole: Tensor
    ) -> Tensor:
        """One cycle of the stencil's A u = g at spacing 1, from u or from zero (None); `whole` is
        the inverse on the coarsest grid, `levels` are the grids above it."""
        if not levels:
            return (g.flatten(1) @ whole.T).reshape(g.shape)
        k = levels[0]
        for sweep in range(self.num_pre):
            u = k.smoothed(u, g, sweep)
        e = self._cycle(None, k.restricted(u, g), levels[1:], whole)
        u = k.prolonged(e, u if self.skips else None)
        for sweep in range(self.num_pre, len(self.smoothers)):
            u = k.smoothed(u, g, sweep)
        return u

    def _levels(
        self, grids: Sequence[tuple[int, int]], dtype: torch.dtype
    ) -> tuple[list[Kernels], Tensor]:
        stencils = on_levels(self.stencil, len(grids))
        transfers = self.restriction.to(dtype), self.prolongation.to(dtype)
        levels: list[Kernels] = []
        for stencil in stencils[:-1]:
            if levels and stencil is stencils[0]:
                levels.append(levels[0])
                continue
            smoothers: Tensor = self.smoothers
            if levels:
                smoothers = smoothers * (self.stencil[1, 1] / stencil[1, 1])
            levels.append(Kernels(stencil.to(dtype), smoothers.to(dtype), *transfers))
        return levels, self._whole(stencils[-1], grids[-1], dtype)

    def _whole(self, stencil: Tensor, grid: tuple[int, int], dtype: torch.dtype) -> Tensor:
        key = (grid, dtype, stencil.device, *stencil.flatten().tolist())
        if key not in self._inverses:
            with torch.inference_mode(False):  # it may serve a backward later
                self._inverses[key] = inverse(stencil.clone(), *grid).to(dtype)
        return self._inverses[key]

    def _check(self, f: Tensor, u: Tensor) -> None:
        for name, x in (("f", f), ("u", u)):
            if not isinstance(x, Tensor):
                raise InputError(
                    f"{name} is a {type(x).__name__}; it must be a tensor [..., H, W]."
                )
            if x.ndim < 2 or not x.is_floating_point() or not x.numel():
                raise InputError(
                    f"{name} is {x.dtype} of shape {tuple(x.shape)}; it must be numbers on a grid, "
                    "[..., H, W]."
                )
            if x.layout != torch.strided:
                raise InputError(f"{name} is {x.layout}; it must be dense: give {name}.to_dense().")
            if x.is_meta:
                raise InputError(f"{name} is on the meta device and holds no numbers.")
        if self.smoothers.is_meta:
            raise InputError(
                "the VCycle is on the meta device and holds no numbers; make it on another, or "
                "move it with to_empty() and load its state."
            )
        if u.shape != f.shape:
            raise InputError(
                f"u has the shape {tuple(u.shape)} and f {tuple(f.shape)}; they must be the same."
            )
        if u.dtype != f.dtype:
            raise InputError(f"u is {u.dtype} and f {f.dtype}; they must be the same.")

    def extra_repr(self) -> str:
        post = len(self.smoothers) - self.num_pre
        side = self.smoothers.shape[-1]
        return f"pre={self.num_pre}, post={post}, kernel_size={side}, skips={self.skips}"


def _unit(f: Tensor) -> float:
    """1, or a power of 2 near the largest number, where its square would leave the type."""
    exponent = math.frexp(float(f.abs().amax()))[1]
    least = math.frexp(torch.finfo(f.dtype).tiny)[1]
    return 1.0 if abs(exponent) < 30 else 2.0 ** max(min(exponent, 1000), least + 5)


def _first_place(x: Tensor) -> str:
    at = (~torch.isfinite(x)).nonzero()[0].tolist()
    return f"first at [{', '.join(map(str, at))}]"


def _relative(r: Tensor, size: float) -> float:
    norm = float(torch.linalg.vector_norm(r))
    return norm / size if size else norm
