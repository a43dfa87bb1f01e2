"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs, Table, effect
from plusone.labs.base.extra import need
from plusone.labs.oversmoothing.claim import KEPT
from plusone.labs.oversmoothing.nets import CONTROL, CONTROLS, METHODS, OTHERS
from plusone.labs.oversmoothing.pictures import figures

REPAIRED = "plain, repaired"
ORTHOGONAL = "plain, orthogonal"


def name_of(method: str, depth: int) -> str:
    """The arm of a method and a depth."""
    return f"{method}, {depth} layers"


def depths_of(runs: Runs) -> tuple[int, ...]:
    return tuple(sorted({int(arm.options["depth"]) for arm in runs.arms}))


def conclude(runs: Runs) -> Conclusion:
    depths = depths_of(runs)
    low, high = depths[0], depths[-1]

    def accuracy(method: str, depth: int) -> np.ndarray:
        return runs.of(name_of(method, depth), "accuracy")

    def change(method: str) -> list[float]:
        return list(accuracy(method, high) - accuracy(method, low))

    shallow = shallowest(runs)
    energies = runs.of(name_of(ORTHOGONAL, high), "energies")
    decades = {m: decades_of(runs, name_of(m, high)) for m in ("plain", ORTHOGONAL)}
    measured: dict[str, Sequence[float]] = {
        "plain-falls": change(ORTHOGONAL),
        "plain-alike": list(np.log10(energies[:, -1] / energies[:, 0])),
        "residual-keeps": change("residual"),
        "gradient": list(np.abs(decades[ORTHOGONAL])),
        "no-edges": list(runs.of(name_of(CONTROL, high), "train accuracy")),
        "shallow": list(shallow),
        "vanishing": list(decades["plain"]),
        "residual-no-edges": list(runs.of(name_of(CONTROLS[1], high), "train accuracy")),
        "delay": list(accuracy("residual", 8) - accuracy("plain", 8)),
        "scaled": change("scaled residual"),
        "initial": list(accuracy("initial residual", high) - shallow),
        "repaired": list(accuracy(REPAIRED, high) - shallow),
        "energy-tells": aucs(runs, "head energy"),
        "cosine-tells": aucs(runs, "head distance"),
    }
    deep = {method: list(accuracy(method, high)) for method in (*METHODS, REPAIRED)}
    pairs = (
        ("initial residual", ORTHOGONAL),
        ("scaled residual", ORTHOGONAL),
        ("residual", "plain"),
        (REPAIRED, "plain"),
    )
    return Conclusion(
        measured=measured,
        reading=_reading(runs, measured, depths),
        effects=tuple(
            effect(f"test accuracy at {high} layers", (one, deep[one]), (other, deep[other]))
            for one, other in pairs
        ),
        figures=figures(runs, depths, name_of),
        tables=(_table(runs, depths),),
    )


def shallowest(runs: Runs) -> np.ndarray:
    """Test accuracy of the shallowest plain net, by seed: of its two starts the one that has
    learned its training nodes better."""
    low = depths_of(runs)[0]
    found = {
        key: np.stack([runs.of(name_of(m, low), key) for m in ("plain", ORTHOGONAL)])
        for key in ("accuracy", "train accuracy")
    }
    best = found["train accuracy"].argmax(0)
    chosen: np.ndarray = found["accuracy"][best, np.arange(len(best))]
    return chosen


def decades_of(runs: Runs, arm: str) -> np.ndarray:
    """log10 of the gradient at the encoder's output over that at the last layer's, by seed."""
    gradients = runs.of(arm, "gradients")
    first, last = (np.maximum(gradients[:, k], 1e-300) for k in (0, -1))
    ratio: np.ndarray = np.log10(first / last)
    return ratio


def aucs(runs: Runs, key: str) -> list[float]:
    """By seed: how well a number of the start ranks nets that keep their accuracy; 1 is perfect."""
    score = need("sklearn.metrics").roc_auc_score
    arms = [a for a in runs.arms if a.options["method"] not in CONTROLS]
    shallow = shallowest(runs)
    accuracy = np.stack([runs.of(a, "accuracy") for a in arms], 1)
    values = np.stack([runs.of(a, key) for a in arms], 1)
    kept = accuracy >= shallow[:, None] - KEPT
    return [float(score(k, v)) for k, v in zip(kept, values, strict=True)]


def _reading(runs: Runs, measured: Mapping[str, Sequence[float]], depths: Sequence[int]) -> str:
    low, high = depths[0], depths[-1]
    mean = {key: float(np.mean(values)) for key, values in measured.items()}

    def at(method: str, depth: int) -> str:
        return f"{float(runs.mean(name_of(method, depth), 'accuracy')):.2f}"

    def energy(method: str) -> str:
        return f"{float(np.median(runs.of(name_of(method, high), 'head energy'))):.0e}"

    there = [m for m in OTHERS if any(a.options["method"] == m for a in runs.arms)]
    others = "".join(f"{m.capitalize()} has {at(m, high)}. " for m in there)
    return (
        f"From {low} to {high} layers the plain net falls from {at(ORTHOGONAL, low)} to "
        f"{at(ORTHOGONAL, high)} although its weights keep the gradient "
        f"({mean['gradient']:.1f} decades) and the same net without edges learns its training "
        f"nodes ({mean['no-edges']:.0%}): its nodes have become alike (relative energy "
        f"{energy(ORTHOGONAL)} at the start). With Glorot's weights the gradient vanishes as well "
        f"({mean['vanishing']:.1f} decades; {at('plain', high)}). A skip around each layer has "
        f"{at('residual', 8)} at 8 layers (plain {at('plain', 8)}) and {at('residual', high)} at "
        f"{high}; {_cause(runs, measured, high)}. The branch scaled by 1/L has "
        f"{at('scaled residual', high)} at {high} and the initial residual "
        f"{at('initial residual', high)} (relative energy {energy('initial residual')}). "
        f"{others}plusone.fix brings the plain net of {high} layers from {at('plain', high)} to "
        f"{at(REPAIRED, high)}. At the start the energy of what the head reads ranks the nets that "
        f"keep their accuracy with an AUC of {mean['energy-tells']:.2f}, the mean cosine between "
        f"nodes with {mean['cosine-tells']:.2f}."
    )


def _cause(runs: Runs, measured: Mapping[str, Sequence[float]], high: int) -> str:
    """Whether it is the edges that the deepest residual net suffers from."""
    bare = float(np.mean(measured["residual-no-edges"]))
    sizes = runs.of(name_of(CONTROLS[1], high), "sizes")
    growth = float(np.log10(sizes[:, -1] / sizes[:, 0]).mean())
    scaled = float(runs.mean(name_of(CONTROLS[2], high), "train accuracy"))
    if bare >= 0.9:
        return f"without edges it learns its training nodes ({bare:.0%}), so that is over-smoothing"
    return (
        f"but without edges it learns {bare:.0%} of its training nodes, its signal growing by "
        f"{growth:.1f} decades (scaled by 1/L {scaled:.0%}): depth alone does that, and what the "
        "edges add cannot be told"
    )


def _table(runs: Runs, depths: Sequence[int]) -> Table:
    keys = ("accuracy", "train accuracy", "head energy", "head distance", "energy", "distance")
    rows: list[tuple[str | float, ...]] = []
    for arm in runs.arms:
        method, depth = str(arm.options["method"]), int(arm.options["depth"])
        cells = [float(np.median(runs.of(arm, key))) for key in keys]
        decades = float("nan") if method == REPAIRED else float(decades_of(runs, arm.name).mean())
        rows.append((method, depth, *cells, decades))
    return Table(
        title="Medians over seeds; energy and distance are those of what the head reads",
        columns=(
            "net",
            "layers",
            "test accuracy",
            "training accuracy",
            "energy at the start",
            "distance at the start",
            "energy trained",
            "distance trained",
            "decades",
        ),
        rows=tuple(rows),
    )
