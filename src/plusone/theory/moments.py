"""The record that the recursions hand on: the gradient ratio's moments in logarithms."""

from __future__ import annotations

from dataclasses import dataclass

from plusone.theory.activations import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Of R = |g_in|^2 / |g_out|^2: ln E R, E ln R, Var ln R, and the mean number of branches.

    The mean number of branches is over the paths that carry the gradient, weighted by E R.
    """

    log_mean: FloatArray
    mean_log: FloatArray
    var_log: FloatArray
    num_branches: FloatArray
