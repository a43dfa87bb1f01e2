"""y = join(skip(x), drop(branch(x))): one wrapper for every residual block.

He et al. 2016 (arXiv 1512.03385, equation 1; 1603.05027, equation 3). Placements of the norm N:

| placement | block                  | source                                           |
|-----------|------------------------|--------------------------------------------------|
| pre       | x + f(N(x))            | Xiong et al. 2020, arXiv 2002.04745              |
| post      | N(x + f(x))            | Vaswani et al. 2017, arXiv 1706.03762            |
| sandwich  | x + N'(f(N(x)))        | Ding et al. 2021 (CogView), arXiv 2105.13290     |

Slots that are not used hold None, not `nn.Identity`: a call of a module costs more than the sum.
Scale and stochastic depth are factors of the sum itself (`torch.add(alpha=)`, `torch.addcmul`).

Test: equality with the lines above, bit by bit without norm; the Jacobian is I + J_f to 1e-12.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.join import Join
from plusone.nn.scales.constant import ConstantScale
from plusone.nn.stochastic_depth import StochasticDepth

Placement = Literal["pre", "post", "sandwich"]


class Residual(nn.Module):
    """A branch, any module, with a skip around it.

    `skip` is None for the identity, a module that takes x to the branch's shape (`ConvProjection`,
    `PoolPad`, ...), or a `Join` (`HighwayGate`, `Concatenation`). `scale` is a number or a `Join`
    (`ReZero`, `LayerScale`, ...). `norm` is a module or a function that makes one; a sandwich has
    two. `drop` is a probability or a `StochasticDepth`. All of `forward`'s further arguments go to
    the branch; of a branch that returns a tuple, the first element is added and the rest returned.
    """

    def __init__(
        self,
        branch: nn.Module,
        *,
        skip: nn.Module | None = None,
        scale: Join | float | None = None,
        norm: nn.Module | Callable[[], nn.Module] | None = None,
        placement: Placement = "pre",
        drop: StochasticDepth | float | None = None,
    ) -> None:
        super().__init__()
        if placement not in get_args(Placement):
            names = ", ".join(get_args(Placement))
            raise InputError(f"placement is {placement!r}; it must be one of {names}.")
        _check(branch, skip, norm)
        is_join = isinstance(skip, Join)
        if is_join and scale is not None:
            raise InputError(
                f"skip={type(skip).__name__} joins skip and branch in its own way, so it leaves no "
                f"room for a scale; drop scale={scale!r}, or scale inside the branch."
            )
        self.branch = branch
        self.skip = None if is_join else skip
        self.join: Join | None = skip if isinstance(skip, Join) else _as_join(scale)
        self.drop = _as_drop(drop)
        if self.drop is not None and self.join is not None and not self.join.takes_mask:
            raise InputError(
                f"{type(self.join).__name__} adds no branch that stochastic depth could drop; "
                "leave out drop, or put a dropout into the branch."
            )
        self.placement: Placement | None = None if norm is None else placement
        first = norm if norm is None or isinstance(norm, nn.Module) else _made(norm)
        self.pre_norm = first if placement in ("pre", "sandwich") else None
        self.post_norm = first if placement == "post" else None
        self.branch_norm = _second(norm, first) if placement == "sandwich" else None

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor | tuple[object, ...]:
        drop = self.drop
        if drop is not None and drop.mode == "subset" and drop.is_active:
            return self._on_a_subset(x, drop, args, kwargs)
        version = version_of(x)
        branch = self.branch(x if self.pre_norm is None else self.pre_norm(x), *args, **kwargs)
        if version is not None and x._version != version:
            raise InputError(
                f"The branch {type(self.branch).__name__} writes over its input (a "
                "ReLU(inplace=True) at its start?), which is also what the skip carries; use "
                "inplace=False there."
            )
        if isinstance(branch, tuple):
            return self._joined(x, branch[0]), *branch[1:]
        return self._joined(x, branch)

    def _joined(self, x: Tensor, branch: Tensor) -> Tensor:
        if self.branch_norm is not None:
            branch = self.branch_norm(branch)
        mask = None if self.drop is None else self.drop.mask(branch)
        skip = x if self.skip is None else self.skip(x)
        total: Tensor
        if self.join is not None:
            total = self.join(skip, branch, mask)
        else:
            total = skip + branch if mask is None else torch.addcmul(skip, branch, mask)
        return total if self.post_norm is None else self.post_norm(total)

    def _on_a_subset(
        self,
        x: Tensor,
        drop: StochasticDepth,
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Tensor:
        if args or kwargs:
            raise InputError(
                "Stochastic depth in subset mode computes the branch for some rows only, and does "
                "not know which further arguments have rows; use mode='row'."
            )
        rows = drop.rows(x)
        chosen = x[rows]
        branch = self.branch(chosen if self.pre_norm is None else self.pre_norm(chosen))
        if self.branch_norm is not None:
            branch = self.branch_norm(branch)
        skip = x if self.skip is None else self.skip(x)
        factor = x.shape[0] / rows.shape[0]
        branch = branch.to(skip.dtype)
        if self.join is None:
            total = torch.index_add(skip, 0, rows, branch, alpha=factor)
        else:
            spread = torch.index_add(torch.zeros_like(skip), 0, rows, branch, alpha=factor)
            total = self.join(skip, spread)
        return total if self.post_norm is None else self.post_norm(total)

    def extra_repr(self) -> str:
        parts = []
        if self.skip is None and (self.join is None or self.join.takes_mask):
            parts.append("skip=identity")
        if self.placement is not None:
            parts.append(f"placement={self.placement}")
        return ", ".join(parts)


def version_of(x: Tensor) -> int | None:
    """How often x was written to; None where nobody counts."""
    if torch.compiler.is_compiling() or not isinstance(x, Tensor) or x.is_inference():
        return None
    return x._version


def _check(branch: object, skip: object, norm: object) -> None:
    if not callable(branch) or isinstance(branch, type):
        got = f"the class {branch.__name__}" if isinstance(branch, type) else repr(branch)
        raise InputError(f"the branch is {got}; it must be a module.")
    if skip is not None and not isinstance(skip, nn.Module):
        raise InputError(
            f"skip is {skip!r}; it must be a module that takes x to the branch's shape, or None "
            "for the identity."
        )
    if norm is not None and not callable(norm):
        raise InputError(
            f"norm is {norm!r}; it must be a module, such as nn.LayerNorm(64), or a function that "
            "makes one."
        )


def _made(norm: Callable[[], nn.Module]) -> nn.Module:
    try:
        return norm()
    except TypeError as error:
        name = getattr(norm, "__name__", repr(norm))
        raise InputError(
            f"norm={name} cannot be called without arguments ({error}); give a module, such as "
            "nn.LayerNorm(64), or a function that makes one."
        ) from error


def _as_join(scale: Join | float | None) -> Join | None:
    if scale is None or isinstance(scale, Join):
        return scale
    if isinstance(scale, nn.Module):
        raise InputError(
            f"scale={type(scale).__name__} is no Join: a scale is a number or a module whose "
            "forward takes skip, branch and mask."
        )
    if not isinstance(scale, (int, float)):
        raise InputError(f"scale is {scale!r}; it must be a number or a Join, such as ReZero().")
    return None if scale == 1 else ConstantScale(scale)


def _as_drop(drop: StochasticDepth | float | None) -> StochasticDepth | None:
    if drop is None or isinstance(drop, StochasticDepth):
        return drop
    return StochasticDepth(drop) if drop else None


def _second(norm: object, first: nn.Module | None) -> nn.Module | None:
    """The sandwich's second norm: made anew, or a copy of the one that was given."""
    if norm is first:
        return copy.deepcopy(first)
    assert callable(norm)
    made: nn.Module = norm()
    return made
