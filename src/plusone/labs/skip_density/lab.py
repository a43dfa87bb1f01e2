"""One run trains a depth's nets of all densities and rates; the closed form is put beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plusone.judge.thresholds import PARALLEL
from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.base.extra import need
from plusone.labs.data import digits
from plusone.labs.skip_density.claim import CLAIM, GAIN, TRAINS_FROM
from plusone.labs.skip_density.figures import Grid, figures
from plusone.labs.skip_density.stack import Stack, accuracies, start_decades
from plusone.labs.training import TrainConfig, train
from plusone.theory import WINDOW, correlation_profile, predict

RATES = (1e-3, 3e-3, 1e-2)
WIDTH = 32
QUICK_DENSITIES = tuple(k / 5 for k in range(6))
FULL_DENSITIES = tuple(k / 10 for k in range(11))
WINDOWS = np.geomspace(0.1, 30, 249)  # 1 % apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """The closed form over densities (rows) and depths (columns)."""

    decades: np.ndarray
    rms: np.ndarray
    gap: np.ndarray

    def trains(self, window: float = WINDOW) -> np.ndarray:
        """Where the typical norm is in the window and inputs do not become parallel."""
        is_apart = self.gap >= PARALLEL
        return np.asarray(is_apart & (np.abs(self.decades) <= window))


def theory(depths: Sequence[int], densities: Sequence[float]) -> Theory:
    """The prediction of the lab's nets, of their width."""
    found = predict(
        np.asarray(depths)[None, :],
        np.asarray(densities)[:, None],
        gain=GAIN,
        activation="relu",
        width=WIDTH,
    )
    gaps = [
        [
            float(correlation_profile(predict(d, p, gain=GAIN, activation="relu").setting).gap[-1])
            for d in depths
        ]
        for p in densities
    ]
    return Theory(decades=found.log10_typical_norm, rms=found.log10_rms_norm, gap=np.asarray(gaps))


def plan(is_full: bool) -> Plan:
    depths = (4, 8, 16, 24, 32, 48, 64) if is_full else (4, 8, 16, 32)
    steps = 400 if is_full else 150
    options = {"steps": steps, "full": is_full}
    return Plan(
        arms=tuple(Arm(name=f"{d} blocks", options={"depth": d, **options}) for d in depths),
        seeds=tuple(range(5 if is_full else 3)),
        data=("digits",),
    )


def densities_of(arm: Arm) -> tuple[float, ...]:
    """The densities that a run trains."""
    return FULL_DENSITIES if arm.options["full"] else QUICK_DENSITIES


def patterns(densities: Sequence[float], depth: int, generator: torch.Generator) -> Tensor:
    """Skips [densities, depth]: each block has one with the density's probability.

    One draw serves all densities, so that a denser net has the skips of a sparser one, and more.
    """
    drawn = torch.rand(depth, generator=generator)
    return drawn[None, :] < torch.tensor(densities)[:, None]


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    data = digits()
    densities, depth = densities_of(arm), int(arm.options["depth"])
    generator = torch.Generator().manual_seed(1000 * seed + depth)
    skips = patterns(densities, depth, generator)
    row = torch.arange(len(densities)).repeat_interleave(len(RATES))
    rates = torch.tensor(RATES).repeat(len(densities))
    net = Stack(skips[row], row, rates, width=WIDTH, gain=GAIN, sizes=(64, 10), generator=generator)
    start = start_decades(net, data.inputs[:64], data.targets[:64]).view(len(densities), -1)
    config = TrainConfig(
        steps=int(arm.options["steps"]),
        learning_rate=1.0,  # times each net's own
        optimizer="adam",
        batch=32,
        seed=seed,
    )
    train(net, data.inputs, data.targets, config, loss_fn=net.summed_loss)
    found = accuracies(net, data.inputs, data.targets).view(len(densities), -1)
    return {"accuracy": found.max(1).values, "by rate": found, "decades": start[:, 0]}


def conclude(runs: Runs) -> Conclusion:
    depths = [int(arm.options["depth"]) for arm in runs.arms]
    densities = densities_of(runs.arms[0])
    closed = theory(depths, densities)
    # [seeds, densities, depths]
    accuracy, start = (
        np.stack([runs.of(arm, key) for arm in runs.arms], -1) for key in ("accuracy", "decades")
    )
    trains = accuracy > TRAINS_FROM
    typical = [_auc(one, -np.abs(closed.decades)) for one in trains]
    advised = int(np.abs(closed.decades[:, -1]).argmin())
    deepest = accuracy[:, :, -1]
    windows = [_best_window(closed, one) for one in trains]
    measured: dict[str, Sequence[float]] = {
        "agreement": list((trains == closed.trains()).mean((1, 2))),
        "auc": typical,
        "advised": list(deepest[:, advised] - np.maximum(deepest[:, 0], deepest[:, -1])),
        "gradient": [
            float(np.corrcoef(one.ravel(), closed.decades.ravel())[0, 1]) for one in start
        ],
        "shallow": list(trains[:, :, 0].mean(1)),
        "window": windows,
        "mean": [
            t - _auc(one, -np.abs(closed.rms)) for t, one in zip(typical, trains, strict=True)
        ],
        "gap": [_auc(one, closed.gap) for one in trains],
    }
    name = f"density {densities[advised]:g}"
    text = f"training accuracy at {depths[-1]} blocks"
    grid = Grid(
        depths=tuple(depths),
        densities=tuple(densities),
        accuracy=accuracy.mean(0),
        start=start.mean(0),
        predicted=closed.decades,
        window=float(np.median(windows)),
        outline=lambda x, y: theory(x, y).decades,
    )
    return Conclusion(
        measured=measured,
        reading=_reading(measured, grid, closed, trains),
        effects=(
            effect(text, (name, list(deepest[:, advised])), ("plain", list(deepest[:, 0]))),
            effect(text, (name, list(deepest[:, advised])), ("all skips", list(deepest[:, -1]))),
        ),
        figures=figures(grid),
        tables=(_table(grid, closed, trains),),
    )


def _auc(trains: np.ndarray, score: np.ndarray) -> float:
    return float(need("sklearn.metrics").roc_auc_score(trains.ravel(), score.ravel()))


def _best_window(closed: Theory, trains: np.ndarray) -> float:
    """The window of the highest agreement; the geometric middle where several agree as well."""
    shares = np.asarray([(closed.trains(window) == trains).mean() for window in WINDOWS])
    best = WINDOWS[shares == shares.max()]
    return float(np.exp(np.log(best).mean()))


def _best_gap(gap: np.ndarray, trains: np.ndarray) -> tuple[float, float]:
    """The least 1 - c to call trainable with the highest agreement, and that agreement."""
    shares = {float(least): float(((gap >= least) == trains).mean()) for least in gap.ravel()}
    least = max(shares, key=lambda key: shares[key])
    return least, shares[least]


def _reading(
    measured: Mapping[str, Sequence[float]], grid: Grid, closed: Theory, trains: np.ndarray
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    predicted = closed.trains()
    dead = float((predicted & ~trains).mean())
    alive = float((~predicted & trains).mean())
    least, agreement = _best_gap(closed.gap, trains)
    advised = float(grid.densities[int(np.abs(closed.decades[:, -1]).argmin())])
    return (
        f"Of {trains[0].size} cells {trains.mean():.0%} train, and the closed form names "
        f"{mean['agreement']:.0%} rightly: {dead:.0%} it calls trainable and they do not train, "
        f"{alive:.0%} the other way round. Its |decades| rank what trains with an AUC of "
        f"{mean['auc']:.2f}. At {grid.depths[-1]} blocks it advises a density of {advised:g}, "
        f"which is {mean['advised']:+.2f} in training accuracy from the better of no skips and "
        f"all. The window that fits these nets and this budget best is {grid.window:.1f} "
        f"decades, where plusone's is {WINDOW:g}. The mean in place of the typical norm changes "
        f"the AUC by {-mean['mean']:+.2f}. 1 - c ranks them with an AUC of {mean['gap']:.2f}; a "
        f"bound of {least:.2g} on it, found afterwards, names {agreement:.0%} rightly."
    )


def _table(grid: Grid, closed: Theory, trains: np.ndarray) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for i, density in enumerate(grid.densities):
        for j, depth in enumerate(grid.depths):
            rows.append(
                (
                    depth,
                    density,
                    float(closed.decades[i, j]),
                    float(grid.start[i, j]),
                    float(closed.rms[i, j]),
                    float(closed.gap[i, j]),
                    "trainable" if closed.trains()[i, j] else "not",
                    float(grid.accuracy[i, j]),
                    float(trains[:, i, j].mean()),
                )
            )
    return Table(
        title="Each cell: the closed form, the gradient at the start, and what training gave",
        columns=(
            "blocks",
            "density",
            "typical, predicted",
            "typical, measured",
            "mean, predicted",
            "1 - c",
            "phase",
            "accuracy",
            "seeds that train",
        ),
        rows=tuple(rows),
    )


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
