"""What is to be predicted: the stack of blocks, checked once, with one sentence for what is wrong.

    x_l = s_l x_{l-1} + alpha_l F_l(x_{l-1})        l = 1 ... depth, x of `width` units

s_l is 1 where block l has a skip and 0 where it has none: drawn independently with probability
`density`, or given by `pattern`. The branch is F(x) = W phi(N(x)), its weights independent and
Gaussian with mean 0 and variance gain * c / fan_in, c = 1 (linear, tanh) or 2 (ReLU, GELU); N is
the norm that stands in the branch, or the identity. With `placement="post"` the norm stands behind
the sum, x_l = N(s_l x_{l-1} + alpha_l W phi(x_{l-1})), as in the first Transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plusone.errors import InputError
from plusone.theory.activations import ACTIVATIONS, Activation, FloatArray

Norm = Literal["none", "batch", "layer"]
Placement = Literal["pre", "post"]
Scale = float | str | Sequence[float] | FloatArray
SCALES = ("1/sqrt(L)", "1/L")
MAX_DEPTH = 10**7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A checked setting; depth, density and gain broadcast against each other.

    With a `pattern` the depth is its length and the density its mean. `scale` is a number, a name
    of SCALES or one number per block. `batch` is the number of samples that a batch norm averages
    over, `width` the number of units; None means so many that no correction is due.
    """

    depth: NDArray[np.int64]
    density: FloatArray
    gain: FloatArray
    scale: float | str | FloatArray = 1.0
    norm: Norm = "none"
    placement: Placement = "pre"
    activation: Activation = "linear"
    width: int | None = None
    batch: int | None = None
    pattern: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The common shape of the arrays."""
        return np.broadcast_shapes(self.depth.shape, self.density.shape, self.gain.shape)


def setting(
    depth: ArrayLike | None = None,
    density: ArrayLike | None = None,
    *,
    gain: ArrayLike = 1.0,
    scale: Scale = 1.0,
    norm: str = "none",
    placement: str = "pre",
    activation: str = "linear",
    width: int | None = None,
    batch: int | None = None,
    pattern: ArrayLike | None = None,
) -> Setting:
    """The checked setting of these options, as `Setting` explains them.

    Raises:
        InputError: something is out of range, unknown, or contradicts something else.
    """
    skips = None if pattern is None else _pattern(pattern)
    depths = _depth(depth, skips)
    if norm != "batch" and batch is not None:
        raise InputError("batch is the number of samples of a batch norm, and there is none.")
    if norm == "none" and placement == "post":
        raise InputError('placement="post" says where the norm stands, and norm is "none".')
    checked = Setting(
        depth=depths,
        density=_density(density, skips),
        gain=_gain(gain),
        scale=_scale(scale, depths),
        norm=cast(Norm, _choice("norm", norm, get_args(Norm))),
        placement=cast(Placement, _choice("placement", placement, get_args(Placement))),
        activation=cast(Activation, _choice("activation", activation, ACTIVATIONS)),
        width=_count("width", width, least=1),
        batch=_count("batch", batch, least=5),
        pattern=skips,
    )
    _broadcast(checked)
    return checked


def _choice(name: str, value: object, known: Sequence[str]) -> str:
    if isinstance(value, str) and value in known:
        return value
    raise InputError(f"{name} is one of {', '.join(known)}, not {value!r}.")


def _numbers(name: str, value: ArrayLike) -> FloatArray:
    try:
        raw = np.asarray(value)
    except ValueError:  # nested lists of different lengths
        raise InputError(f"{name} is a number or an array of numbers, not a ragged list.") from None
    if raw.dtype.kind not in "iuf":
        raise InputError(f"{name} is a number or an array of numbers, not {value!r}.")
    return raw.astype(np.float64)


def _first(array: FloatArray, is_bad: NDArray[np.bool_]) -> str:
    return f"{float(array[is_bad].flat[0]):g}"


def _depth(depth: ArrayLike | None, skips: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    if depth is None:
        if skips is None:
            raise InputError("Give a depth, the number of blocks, or a pattern of skips.")
        return np.array(len(skips), dtype=np.int64)
    depths = _numbers("depth", depth)
    is_bad = ~((depths >= 1) & (depths <= MAX_DEPTH) & (depths == np.floor(depths)))
    if is_bad.any():
        raise InputError(
            f"depth is a whole number of blocks from 1 to {MAX_DEPTH:,}, not "
            f"{_first(depths, is_bad)}."
        )
    if skips is not None and (depths.ndim or int(depths) != len(skips)):
        raise InputError(
            f"The pattern names {len(skips)} blocks and depth is {depth!r}: leave depth out or "
            "make them agree."
        )
    return depths.astype(np.int64)


def _density(density: ArrayLike | None, skips: NDArray[np.bool_] | None) -> FloatArray:
    if skips is not None:
        if density is not None:
            raise InputError("A pattern says which blocks have a skip, so density is left out.")
        return np.array(skips.mean())
    if density is None:
        raise InputError("Give a density, the probability of a skip, or a pattern of skips.")
    densities = _numbers("density", density)
    is_bad = ~((densities >= 0) & (densities <= 1))
    if is_bad.any():
        raise InputError(
            f"density is a probability between 0 and 1, not {_first(densities, is_bad)}."
        )
    return densities


def _pattern(pattern: ArrayLike) -> NDArray[np.bool_]:
    skips = np.asarray(pattern)
    is_binary = skips.dtype.kind in "biuf" and np.isin(skips, (0, 1)).all()
    if skips.ndim != 1 or not len(skips) or not is_binary:
        raise InputError("pattern is a list with one truth value per block: has it a skip?")
    return skips.astype(np.bool_)


def _gain(gain: ArrayLike) -> FloatArray:
    gains = _numbers("gain", gain)
    is_bad = ~((gains >= 0) & np.isfinite(gains))
    if is_bad.any():
        raise InputError(
            f"gain is a factor of the weights' variance, 0 or more, not {_first(gains, is_bad)}."
        )
    return gains


def _scale(scale: Scale, depths: NDArray[np.int64]) -> float | str | FloatArray:
    if isinstance(scale, str):
        return _choice("scale as a name", scale, SCALES)
    scales = _numbers("scale", scale)
    if not np.isfinite(scales).all():
        raise InputError(f"scale is finite, not {_first(scales, ~np.isfinite(scales))}.")
    if scales.ndim == 0:
        return float(scales)
    if depths.ndim or scales.ndim != 1 or len(scales) != int(depths):
        raise InputError(
            f"scale as a list has one number per block, so {scales.size} numbers do not fit "
            f"depth {depths.tolist()!r}."
        )
    return scales


def _count(name: str, value: int | None, *, least: int) -> int | None:
    if value is None:
        return None
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise InputError(f"{name} is a whole number, {least} or more, not {value!r}.")
    return int(value)


def _broadcast(checked: Setting) -> None:
    try:
        _ = checked.shape
    except ValueError:
        shapes = [a.shape for a in (checked.depth, checked.density, checked.gain)]
        raise InputError(
            "depth, density and gain have shapes that do not broadcast: "
            f"{', '.join(map(str, shapes))}."
        ) from None


def strengths(checked: Setting, depth: int, gain: float) -> FloatArray:
    """The branches' second-moment factor alpha_l^2 * gain for each of `depth` blocks."""
    if isinstance(checked.scale, str):
        factor = 1 / depth if checked.scale == "1/sqrt(L)" else 1 / depth**2
        return np.full(depth, factor * gain)
    strength = np.zeros(depth)
    strength += gain * np.asarray(checked.scale, dtype=np.float64) ** 2
    return strength


def alpha_squared(checked: Setting) -> FloatArray:
    """The squared scale of the first block for each entry of depth."""
    depth = checked.depth.astype(np.float64)
    if isinstance(checked.scale, str):
        return 1 / depth if checked.scale == "1/sqrt(L)" else 1 / depth**2
    first = np.asarray(checked.scale, dtype=np.float64).flat[0]
    return np.array(float(first) ** 2)
