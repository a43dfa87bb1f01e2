"""A given pattern of skips where a block's factor depends on the stream before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plusone.theory.activations import FloatArray
from plusone.theory.law import Law
from plusone.theory.moments import Moments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stream:
    """Along the depth: ln q before each block and behind the last, ln of each block's factor on the
    gradient's second moment, and the branch's share of it."""

    log_q: FloatArray
    log_factor: FloatArray
    share: FloatArray


def stream(law: Law, strength: FloatArray, pattern: NDArray[np.bool_]) -> Stream:
    """The stream's second moment and the gradient's factors, block by block, from q_0 = 1.

    q_l = s_l q_{l-1} + a_l c V and the factor is s_l + a_l c S (see `Law`). Cost: O(L).
    """
    if law.norm != "none" and law.placement == "pre" and pattern.all():
        return _all_skips(law, strength)
    num_blocks = len(strength)
    log_q = np.zeros(num_blocks + 1)
    log_factor, share = np.zeros(num_blocks), np.zeros(num_blocks)
    with np.errstate(divide="ignore"):
        for i in range(num_blocks):
            here = log_q[i : i + 1]
            branch = law.branch(here, strength[i])
            output = law.output(here, strength[i])
            factor = branch + 1.0 if pattern[i] else branch
            log_factor[i] = np.log(factor)[0]
            share[i] = (branch / factor)[0] if factor[0] > 0 else 0.0
            log_q[i + 1] = np.logaddexp(here, output)[0] if pattern[i] else output[0]
    return Stream(log_q=log_q, log_factor=log_factor, share=share)


def _all_skips(law: Law, strength: FloatArray) -> Stream:
    """Pre-norm with a skip in each block, where a sum gives the stream at once."""
    log_q = np.log1p(np.concatenate([[0.0], np.cumsum(strength * law.moment)]))
    branch = law.branch(log_q[:-1], strength)
    return Stream(log_q=log_q, log_factor=np.log1p(branch), share=branch / (1 + branch))


def stream_moments(law: Law, strength: FloatArray, pattern: NDArray[np.bool_]) -> Moments:
    """The moments of R for a given pattern at infinite width: R is not random, so Var ln R = 0."""
    found = stream(law, strength, pattern)
    total = np.array(found.log_factor.sum())
    return Moments(
        log_mean=total,
        mean_log=total,
        var_log=np.zeros(()),
        num_branches=np.array(found.share.sum() if np.isfinite(total) else 0.0),
    )
