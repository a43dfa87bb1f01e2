"""The numbers by which a sum multiplies its terms: alpha of `add`, beta of `addmm`, and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

_Args = tuple[Any, ...]
_Kwargs = dict[str, Any] | None


def _added(sign: float) -> Callable[[_Args, _Kwargs, Sequence[torch.Tensor]], tuple[float, ...]]:
    def factors(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
        """self + alpha * other."""
        alpha = sign * _number(kwargs, "alpha")
        return () if alpha == 1.0 else _of(read, {id(args[1]): alpha} if len(args) > 1 else {})

    return factors


def _with_product(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
    """beta * self + alpha * (a @ b)."""
    beta = _number(kwargs, "beta")
    return () if beta == 1.0 else _of(read, {id(args[0]): beta})


def _between(args: _Args, kwargs: _Kwargs, read: Sequence[torch.Tensor]) -> tuple[float, ...]:
    """(1 - weight) * self + weight * end, for a weight that is a number."""
    weight = args[2] if len(args) > 2 else (kwargs or {}).get("weight")
    if not isinstance(weight, int | float):
        return ()
    return _of(read, {id(args[0]): 1.0 - weight, id(args[1]): float(weight)})


def _number(kwargs: _Kwargs, name: str) -> float:
    value = (kwargs or {}).get(name, 1)
    return float(value) if isinstance(value, int | float) else 1.0


def _of(read: Sequence[torch.Tensor], factor: dict[int, float]) -> tuple[float, ...]:
    return tuple(factor.get(id(tensor), 1.0) for tensor in read)


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
