"""One block of each kind: what it does to the stream's second moment and to the gradient's.

A block of strength a = alpha^2 * gain takes a stream of second moment q per unit to
s q + a c V and the gradient's second moment by the factor s + a c S, c being FAN_FACTOR and

| norm            | V                   | S             | afterwards                     |
|-----------------|---------------------|---------------|--------------------------------|
| none            | E phi(x)^2, q       | E phi'^2, q   |                                |
| layer, pre      | E phi(x)^2, 1       | E phi'^2, 1/q |                                |
| batch, pre      | Var phi(x), 1       | E phi'^2, 1/q | q is the variance in the batch |
| layer, post     | E phi(x)^2, 1       | E phi'^2, 1   | both divided by s + a c V      |
| batch, post     | Var phi(x), 1       | E phi'^2, 1   | both divided by s + a c V      |

Without norm and with skips everywhere: Yang and Schoenholz 2017 (arXiv 1712.08969, recurrences of
section 3); without skips: Schoenholz et al. 2017 (arXiv 1611.01232, section 5).
Norms: the derivative of N(x) = (x - mean) / deviation is 1 / deviation but for the two directions
that it projects out, 2 of n units or of N samples. Pre- and post-norm of layers are compared at
initialisation by Xiong et al. 2020 (arXiv 2002.04745). Batch: Yang et al. 2019 (arXiv 1902.08129):
without skips a ReLU net's gradient grows by pi/(pi - 1) a block, which is S/V.

Assumes: wide layers, so that the stream's units are independent Gaussians; the backward weights are
as if drawn anew; inputs of unit variance, independent of each other where a batch norm compares
them. For a batch norm of finitely many samples see `batchnorm`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plusone.theory.activations import (
    FAN_FACTOR,
    Activation,
    FloatArray,
    log_moment,
    slope,
)
from plusone.theory.batchnorm import BatchMoments, batch_moments, post_factors
from plusone.theory.setting import Norm, Placement, Setting

ONE = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The block of an activation, norm and placement; `moment` and `slope` are c V, c S at 1."""

    activation: Activation
    norm: Norm
    placement: Placement
    moment: float
    slope: float
    batch: BatchMoments | None

    @classmethod
    def of(cls, checked: Setting) -> Law:
        """The law of a setting's blocks."""
        activation = checked.activation
        factor = FAN_FACTOR[activation]
        moment = float(np.exp(log_moment(activation, ONE))[0])
        rate = float(slope(activation, ONE)[0])
        batch = None
        if checked.norm == "batch":
            batch = batch_moments(activation, checked.batch)
            moment, rate = batch.moment, batch.slope * batch.inflation
        return cls(
            activation=activation,
            norm=checked.norm,
            placement=checked.placement,
            moment=factor * moment,
            slope=factor * rate,
            batch=batch,
        )

    @property
    def is_memoryless(self) -> bool:
        """Whether a block's factor does not depend on the blocks before it."""
        is_homogeneous = self.norm == "none" and self.activation in ("linear", "relu")
        return is_homogeneous or (self.norm != "none" and self.placement == "post")

    def branch(self, log_q: FloatArray, strength: FloatArray | float) -> FloatArray:
        """a c S: the branch's share of the gradient's factor, before a post-norm divides."""
        if self.norm == "none":
            rate = FAN_FACTOR[self.activation] * slope(self.activation, log_q)
            return np.asarray(strength * rate)
        if self.placement == "post":
            return np.asarray(strength * np.full_like(log_q, self.slope))
        is_alive = log_q > -math.inf
        return np.where(is_alive, strength * self.slope * np.exp(-np.where(is_alive, log_q, 0)), 0)

    def output(self, log_q: FloatArray, strength: FloatArray | float) -> FloatArray:
        """ln (a c V): the second moment of the branch's output."""
        with np.errstate(divide="ignore"):
            log_strength = np.log(np.asarray(strength, dtype=np.float64))
        if self.norm == "none":
            factor = math.log(FAN_FACTOR[self.activation])
            return np.asarray(log_strength + factor + log_moment(self.activation, log_q))
        return np.asarray(log_strength + math.log(self.moment) + np.zeros_like(log_q))

    def memoryless(self, strength: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Factors with and without a skip, and the branch's share of the former; no memory."""
        branch = strength * (self.slope if self.norm != "none" else 1.0)
        share = branch / (1 + branch)
        if self.norm == "none":
            return 1 + branch, branch, share
        if self.batch is not None:
            factor = FAN_FACTOR[self.activation]
            with_skip = post_factors(self.batch, strength, 1.0, factor)
            return with_skip, post_factors(self.batch, strength, 0.0, factor), share
        ratio = np.where(strength > 0, self.slope / self.moment, 0.0)
        return (1 + branch) / (1 + strength * self.moment), ratio, share
