"""The numbers by which a sum multiplies its terms: alpha of `add`, beta of `addmm`, and so on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

_Args = tuple[Any, ...]
_Kwargs = dict[str, Any] | None


def _added(sign: float) -> Callable[[_Args, _Kwargs, Sequence[torch.Tensor]], tuple[float, ...]]:
    def factors(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
        """self + alpha * other."""
        alpha = sign * _number(kwargs, "alpha")
        return () if alpha == 1.0 else _of(read, zip(args, (1.0, alpha), strict=False))

    return factors


def _with_product(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
    """beta * self + alpha * (a @ b)."""
    beta = _number(kwargs, "beta")
    return () if beta == 1.0 else _of(read, zip(args, (beta, 1.0, 1.0), strict=False))


def _between(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
    """(1 - weight) * self + weight * end, for a weight that is a number."""
    weight = args[2] if len(args) > 2 else (kwargs or {}).get("weight")
    if not isinstance(weight, int | float):
        return ()
    return _of(read, zip(args, (1.0 - weight, float(weight)), strict=False))


def _number(kwargs: _Kwargs, name: str) -> float:
    value = (kwargs or {}).get(name, 1)
    return float(value) if isinstance(value, int | float) else 1.0


def _of(read: Sequence[torch.Tensor], operands: Iterable[tuple[Any, float]]) -> tuple[float, ...]:
    """The factors of the operands that were read; both stand in the order of the arguments."""
    left = list(operands)
    found = []
    for tensor in read:
        at = next((i for i, (operand, _) in enumerate(left) if operand is tensor), None)
        found.append(1.0 if at is None else left.pop(at)[1])
    return tuple(found)


SUM_FACTORS = {
    "add": _added(1.0),
    "sub": _added(-1.0),
    "addmm": _with_product,
    "baddbmm": _with_product,
    "addbmm": _with_product,
    "addmv": _with_product,
    "addr": _with_product,
    "lerp": _between,
}
