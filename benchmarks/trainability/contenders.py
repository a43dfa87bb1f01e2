"""What is compared in the report: each quantity with what it is and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.trainability.scores import Array, Orientation, orient
from benchmarks.trainability.table import Table
from benchmarks.trainability.train import ARMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A quantity of the table; `cost` gives its forward+backwards for each row.

    `reading` is how the paper reads it; where it is None, the nets used for fitting decide.
    """

    name: str
    column: str
    cost: Callable[[Table], Array]
    is_ours: bool = False
    read: Callable[[Table], Array] | None = None

    def value(self, table: Table) -> Array:
        """The quantity of each row."""
        return table[self.column] if self.read is None else self.read(table)

    def orientation(self, table: Table) -> Orientation:
        """The best reading on the rows used for fitting."""
        chosen = ~table.held_out
        return orient(self.value(table)[chosen], table.label[chosen])


def _timed(*stages: str) -> Callable[[Table], Array]:
    """CPU seconds of the stages over those of one plain forward+backward."""

    def cost(table: Table) -> Array:
        seconds = sum((table[f"seconds_{s}"] for s in stages), np.zeros(len(table)))
        return seconds / table["forward_backward"]

    return cost


def _steps(count: float) -> Callable[[Table], Array]:
    return lambda table: np.full(len(table), count)


def az_nas_score(table: Table) -> Array:
    """The sum of the logs of the ranks of the three proxies and of the FLOPs (Lee and Ham 2024)."""
    columns = ("az_expressivity", "az_progressivity", "az_trainability", "flops")
    total = np.zeros(len(table))
    for name in columns:
        value = np.where(np.isfinite(table[name]), table[name], -np.inf)
        total += np.log((value.argsort(kind="stable").argsort() + 1) / len(table))
    return total


_PROFILE = _timed("profile")
_COTANGENTS = _timed("profile", "cotangents")
_OUTPUT = _timed("profile", "cotangents", "output_cotangents")
_MEDIAN = _timed("profile", "cotangents", "quick_median")
_DENSITY = _timed("profile", "density")

CONTENDERS = (
    *(
        Contender(name=name, column=column, cost=cost, is_ours=True)
        for name, column, cost in (
            ("directions (1 / collapse), first to last block", "directions", _COTANGENTS),
            ("directions, from the output", "output_directions", _OUTPUT),
            ("participation ratio of the Jacobian", "participation", _DENSITY),
            ("entropy rank of the Jacobian", "entropy_rank", _DENSITY),
            ("stable rank of the Jacobian", "stable_rank", _DENSITY),
            ("largest over median singular value", "condition", _DENSITY),
            ("log gradient ratio", "gradient_ratio", _PROFILE),
            ("range of the gradient over blocks", "gradient_range", _PROFILE),
            ("spread of the gradient over blocks", "gradient_spread", _PROFILE),
            ("log signal ratio", "signal_ratio", _PROFILE),
            ("range of the signal over blocks", "signal_range", _PROFILE),
            ("gain of the Jacobian", "jacobian_gain", _COTANGENTS),
            ("spread of gain over samples", "gain_spread", _COTANGENTS),
            ("agreement of the samples' gradients", "agreement", _COTANGENTS),
            ("1 - c at the last block", "alike_last", _PROFILE),
            ("rank of the samples at the last block", "rank_last", _PROFILE),
            ("centred rank there", "centred_rank", _PROFILE),
            ("alignment of first and last block", "alignment", _PROFILE),
            ("alignment of inputs and last features", "input_alignment", _steps(1)),
            ("median singular value, 3 pairs of products", "quick_median", _MEDIAN),
        )
    ),
    Contender(name="neighbours in the last features*", column="neighbours", cost=_steps(1)),
    Contender(name="linear probe of the last features*", column="linear_probe", cost=_steps(1)),
    Contender(name="gradient norm", column="gradient_norm", cost=_timed("gradient_norm")),
    Contender(name="SNIP", column="snip", cost=_timed("gradient_norm")),
    Contender(name="GraSP", column="grasp", cost=_timed("grasp")),
    Contender(name="SynFlow", column="synflow", cost=_timed("synflow")),
    Contender(name="NASWOT", column="naswot", cost=_timed("naswot")),
    Contender(
        name="Jacobian covariance",
        column="jacobian_covariance",
        cost=_timed("jacobian_covariance"),
    ),
    Contender(name="Zen score", column="zen", cost=_timed("zen")),
    Contender(name="AZ-NAS", column="az_nas", cost=_timed("az_nas", "size"), read=az_nas_score),
    Contender(name="AZ-NAS, trainability alone", column="az_trainability", cost=_timed("az_nas")),
    Contender(name="NTK condition number", column="ntk_condition", cost=_timed("ntk")),
    Contender(name="loss before training", column="initial_loss", cost=_steps(1)),
    Contender(name="parameters", column="parameters", cost=_steps(0)),
    Contender(name="FLOPs", column="flops", cost=_steps(1)),
    Contender(name="depth", column="depth", cost=_steps(0)),
    Contender(name="loss after 50 steps of Adam", column="loss_50_one", cost=_steps(50)),
    *(
        Contender(
            name=f"{what} after {steps} steps of all {len(ARMS)} arms",
            column=f"{what}_{steps}",
            cost=_steps(steps * len(ARMS)),
        )
        for steps in (5, 20, 50)
        for what in ("loss", "accuracy")
    ),
)
