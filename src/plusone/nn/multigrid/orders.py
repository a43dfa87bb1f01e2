"""A stencil's order as an operator, and what it is on each coarser grid.

A stencil s at spacing 1 is c u + b . grad u + parts of second order and above, where c is the sum
of its entries and b are its first moments. At twice the spacing the second order stays as it is,
b doubles and c is four times as large (Taylor; Trottenberg et al. 2001, chapter 2). A stencil
whose coarse c is left as it is on the fine grid diverges: by 3 a cycle on 255 x 255 points at
c = 0.001. With b doubled, the coarse central differences of a convection that outweighs diffusion
are unstable, by 60 a cycle on 127 x 127 points at b = 1: such stencils are refused.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plusone.errors import InputError


def zeroth(stencil: Tensor) -> float:
    """The sum c of a stencil's entries; 0 where it is within their rounding.

    Raises:
        InputError: the stencil has a first-order term.
    """
    top, middle, bottom = rows = stencil.tolist()
    left, right = ([row[i] for row in rows] for i in (0, 2))
    rounding = _rounding(stencil) * sum(abs(v) for row in rows for v in row)
    b = (math.fsum(right + [-v for v in left]), math.fsum(bottom + [-v for v in top]))
    if max(map(abs, b)) > rounding:
        raise InputError(
            f"the stencil {rows} has a first-order term, of first moments {b[0]:g} along x and "
            f"{b[1]:g} along y, with which coarse grids may diverge; a V-cycle takes stencils "
            "without one, whose entries on opposite sides balance"
        )
    c = math.fsum(top + middle + bottom)
    return c if abs(c) > rounding else 0.0


def on_levels(stencil: Tensor, num_levels: int) -> list[Tensor]:
    """The stencil on each grid at spacing 1, from the finest: its c is 4 times its parent's."""
    c = zeroth(stencil)
    found = [stencil]
    for level in range(1, num_levels if c else 1):
        coarser = stencil.clone()
        coarser[1, 1] += (4**level - 1) * c
        found.append(coarser)
    return found if c else found * num_levels


def _rounding(stencil: Tensor) -> float:
    # What float32 holds exactly may have been rounded to it, thirds for one, whatever it is now.
    is_single = torch.equal(stencil, stencil.float().to(stencil.dtype))
    held = torch.finfo(torch.float32 if is_single else torch.float64).eps
    return max(held, torch.finfo(stencil.dtype).eps)
