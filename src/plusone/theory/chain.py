"""Moments over a chain of blocks whose factor does not depend on the blocks before."""

from __future__ import annotations

import numpy as np

from plusone.theory.activations import FloatArray
from plusone.theory.law import Law
from plusone.theory.moments import Moments
from plusone.theory.setting import Setting, alpha_squared, strengths
from plusone.theory.width import linear_block, relu_stack


def chain(checked: Setting, law: Law) -> Moments:
    """Moments of R where blocks are independent; exact at infinite width.

    A block multiplies the gradient's second moment by m = 1 + a with a skip and by a without
    (other factors behind a post-norm, see `Law`), so with independent skips of density p

        E R = prod (p m_1 + (1 - p) m_0)          = (p + a)^L
        E ln R = sum p ln m_1 + (1 - p) ln m_0
        Var ln R = sum p (1 - p) (ln m_1 - ln m_0)^2

    and the branch is used, on the paths that carry E R, a / (p + a) times a block (De and Smith
    2020, arXiv 2002.10444, for p = 1). Without a norm and for linear branches
    E R is exact at any width, for the weights of a block are independent of the gradient above.

    Assumes: `Law`'s. Where a branch is 0 and may lack its skip, R may be 0: E ln R is -inf and
    Var ln R is NaN. Cost: three logarithms an entry.
    """
    strength, repeats = _strength(checked)
    skip = _skips(checked)
    width = checked.width if checked.norm == "none" else None
    block = _block(law, strength, skip, width if law.activation == "linear" else None)
    total = Moments(
        log_mean=_total(block.log_mean, repeats, checked),
        mean_log=_total(block.mean_log, repeats, checked),
        var_log=_total(block.var_log, repeats, checked),
        num_branches=_total(block.num_branches, repeats, checked),
    )
    return _corrected(checked, total) if law.activation == "relu" and width else total


def _skips(checked: Setting) -> FloatArray:
    """The probability of a skip in each block, on the last axis."""
    if checked.pattern is not None:
        return checked.pattern.astype(np.float64)
    return checked.density[..., None]


def _strength(checked: Setting) -> tuple[FloatArray, FloatArray]:
    """Strengths with an axis for the blocks, and how often each counts: once, or depth times."""
    depth = checked.depth.astype(np.float64)
    gain = checked.gain[..., None]
    is_listed = isinstance(checked.scale, np.ndarray)
    if is_listed or checked.pattern is not None:
        num_blocks = int(checked.depth)
        return gain * strengths(checked, num_blocks, 1.0), np.ones(())
    return gain * alpha_squared(checked)[..., None], depth


def _total(values: FloatArray, repeats: FloatArray, checked: Setting) -> FloatArray:
    total: FloatArray = np.broadcast_to(values.sum(-1) * repeats, checked.shape)
    return total


def _block(law: Law, strength: FloatArray, density: FloatArray, width: int | None) -> Moments:
    """The moments of one block; where a probability is 0, what it belongs to does not count."""
    with_skip, without, share = law.memoryless(strength)
    lacking = 1 - density
    mean = density * with_skip + lacking * without
    with np.errstate(divide="ignore", invalid="ignore"):
        log_with, log_without = np.log(with_skip), np.log(without)
        within = np.zeros(())
        if width is not None:
            bias, variance = linear_block(strength, 1.0, width)
            bias_without, variance_without = linear_block(strength, 0.0, width)
            log_with, log_without = log_with + bias, log_without + bias_without
            within = density * variance + lacking * variance_without
        low = np.where(lacking > 0, lacking * log_without, 0.0)
        spread = np.where(density * lacking > 0, log_with - log_without, 0.0)
        spread = np.where(np.isinf(low), np.nan, spread)
        used = np.where(mean > 0, (density * with_skip * share + lacking * without) / mean, 0.0)
        return Moments(
            log_mean=np.log(mean),
            mean_log=density * log_with + low,
            var_log=within + density * lacking * spread**2,
            num_branches=used,
        )


def _corrected(checked: Setting, total: Moments) -> Moments:
    """The moments of a ReLU stack with the corrections of order 1/n, setting by setting."""
    assert checked.width is not None
    depth, density, gain = np.broadcast_arrays(checked.depth, checked.density, checked.gain)
    shifts = np.zeros((3, *checked.shape))
    for i in np.ndindex(checked.shape):
        num_blocks = int(depth[i])
        skip = np.full(num_blocks, density[i]) if checked.pattern is None else _skips(checked)
        strength = strengths(checked, num_blocks, float(gain[i]))
        shifts[(slice(None), *i)] = relu_stack(strength, skip, checked.width)
    return Moments(
        log_mean=total.log_mean + shifts[0],
        mean_log=total.mean_log + shifts[1],
        var_log=total.var_log + shifts[2],
        num_branches=total.num_branches,
    )
