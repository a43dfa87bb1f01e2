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
ORTHOGONAL, ITS_RESIDUAL = "plain, orthogonal", "residual, orthogonal"
CURED = "initial residual"


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

    def alike(method: str) -> np.ndarray:
        """Decades by which the energy falls from the encoder to the last layer, at the start."""
        energies = runs.of(name_of(method, high), "energies")
        found: np.ndarray = np.log10(energies[:, -1] / energies[:, 0])
        return found

    apart = {m: runs.of(name_of(m, high), "distance") for m in (ORTHOGONAL, CURED)}
    decades = {m: decades_of(runs, name_of(m, high)) for m in ("plain", ORTHOGONAL)}
    measured: dict[str, Sequence[float]] = {
        "plain-falls": change(ORTHOGONAL),
        "plain-alike": list(alike(ORTHOGONAL)),
        "trained-alike": list(np.log10(apart[ORTHOGONAL] / apart[CURED])),
        "residual-keeps": change("residual"),
        "orthogonal-keeps": change(ITS_RESIDUAL),
        "gradient": list(np.abs(decades[ORTHOGONAL])),
        "no-edges": list(runs.of(name_of(CONTROL, high), "train accuracy")),
        "shallow": list(shallow),
        "vanishing": list(decades["plain"]),
        "residual-no-edges": list(runs.of(name_of(CONTROLS[1], high), "train accuracy")),
        "orthogonal-no-edges": list(runs.of(name_of(CONTROLS[3], high), "train accuracy")),
        "start-alike": list(alike(CURED) - alike(ORTHOGONAL)),
        "delay": list(accuracy(ITS_RESIDUAL, 8) - accuracy(ORTHOGONAL, 8)),
        "scaled": change("scaled residual"),
        "initial": list(accuracy("initial residual", high) - shallow),
        "repaired": list(accuracy(REPAIRED, high) - shallow),
        "energy-tells": aucs(runs, "head energy"),
        "cosine-tells": aucs(runs, "scanned"),
        **warned(runs),
    }
    deep = {method: list(accuracy(method, high)) for method in (*METHODS, REPAIRED)}
    pairs = (
        (CURED, ORTHOGONAL),
        ("scaled residual", ORTHOGONAL),
        (ITS_RESIDUAL, ORTHOGONAL),
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
    """log10 of the gradient at the encoder's output over that at the last layer's, by seed; NaN
    where the head reads other layers and the last one has none."""
    gradients = runs.of(arm, "gradients")
    first, last = gradients[:, 0], gradients[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.where(last > 0, np.log10(first / last), np.nan)
    return ratio


def kept_and(runs: Runs, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Of the nets on the graph, by seed: which keep their accuracy, and a number of the start."""
    arms = [a for a in runs.arms if a.options["method"] not in CONTROLS]
    accuracy = np.stack([runs.of(a, "accuracy") for a in arms], 1)
    kept = accuracy >= shallowest(runs)[:, None] - KEPT
    return kept, np.stack([runs.of(a, key) for a in arms], 1)


def aucs(runs: Runs, key: str) -> list[float]:
    """By seed: how well a number of the start ranks nets that keep their accuracy; 1 is perfect."""
    score = need("sklearn.metrics").roc_auc_score
    return [float(score(k, v)) for k, v in zip(*kept_and(runs, key), strict=True)]


def warned(runs: Runs) -> dict[str, list[float]]:
    """By seed: of the nets that lose their accuracy the share of which A302, or a scan as a whole,
    says so before training, and of those that keep it the share that is accused."""
    found = {}
    for key, names in (("fires", ("warned", "accused")), ("doubted", ("told", "doubted"))):
        kept, says = kept_and(runs, key)
        for name, which in zip(names, (~kept, kept), strict=True):
            pairs = zip(says, which, strict=True)
            found[name] = [float(s[w].mean()) for s, w in pairs if w.any()]
    return found


def _reading(runs: Runs, measured: Mapping[str, Sequence[float]], depths: Sequence[int]) -> str:
    low, high = depths[0], depths[-1]
    mean = {key: float(np.mean(values)) for key, values in measured.items()}

    def at(method: str, depth: int) -> str:
        return f"{float(runs.mean(name_of(method, depth), 'accuracy')):.2f}"

    def energy(method: str) -> str:
        return f"{float(np.median(runs.of(name_of(method, high), 'head energy'))):.0e}"

    def distance(method: str) -> str:
        return f"{float(np.median(runs.of(name_of(method, high), 'distance'))):.2g}"

    there = [m for m in OTHERS if any(a.options["method"] == m for a in runs.arms)]
    others = "".join(f"{m.capitalize()} has {at(m, high)}. " for m in there)
    return (
        f"From {low} to {high} layers the plain net falls from {at(ORTHOGONAL, low)} to "
        f"{at(ORTHOGONAL, high)} although its weights keep the gradient "
        f"({mean['gradient']:.1f} decades) and the same net without edges learns its training "
        f"nodes ({mean['no-edges']:.0%}): its nodes are alike after training as well (mean average "
        f"distance {distance(ORTHOGONAL)}, initial residual {distance(CURED)}; relative energy at "
        f"the start {energy(ORTHOGONAL)} and {energy(CURED)}). "
        "With Glorot's weights the gradient vanishes as well "
        f"({mean['vanishing']:.1f} decades; {at('plain', high)}). A skip around each layer of "
        f"weights that keep the gradient has {at(ITS_RESIDUAL, 8)} at 8 layers (plain "
        f"{at(ORTHOGONAL, 8)}) and {at(ITS_RESIDUAL, high)} at {high}, without edges "
        f"{mean['orthogonal-no-edges']:.0%} of its training nodes. With Glorot's weights it has "
        f"{at('residual', 8)} (plain {at('plain', 8)}) and {at('residual', high)}; "
        f"{_cause(runs, measured, high)}. The branch scaled by 1/L has "
        f"{at('scaled residual', high)} at {high} and the initial residual "
        f"{at(CURED, high)}. "
        f"{others}plusone.fix brings the plain net of {high} layers from {at('plain', high)} to "
        f"{at(REPAIRED, high)}. At the start the energy of what the head reads ranks the nets that "
        f"keep their accuracy with an AUC of {mean['energy-tells']:.2f}, the mean cosine between "
        f"nodes of the largest component with {mean['cosine-tells']:.2f}. Of the nets that lose it "
        f"A302 accuses {mean['warned']:.0%} beforehand and a scan as a whole {mean['told']:.0%}, "
        f"of those that keep it {mean['accused']:.0%} and {mean['doubted']:.0%}: what is half "
        "smoothed, with a gradient that keeps its size, a scan does not tell from what trains."
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
    keys = (
        *("accuracy", "train accuracy", "head energy", "head distance"),
        *("scanned", "energy", "distance"),
    )
    rows: list[tuple[str | float, ...]] = []
    for arm in runs.arms:
        method, depth = str(arm.options["method"]), int(arm.options["depth"])
        cells = [float(np.median(runs.of(arm, key))) for key in keys]
        said = [float(runs.of(arm, key).mean()) for key in ("fires", "doubted")]
        decades = (
            float("nan") if method == REPAIRED else float(np.median(decades_of(runs, arm.name)))
        )
        rows.append((method, depth, *cells, decades, *said))
    return Table(
        title="Medians over seeds; energy and distance of what the head reads; shares accused",
        columns=(
            "net",
            "layers",
            "test accuracy",
            "training accuracy",
            "energy at the start",
            "distance at the start",
            "of A302",
            "energy trained",
            "distance trained",
            "decades",
            "A302",
            "accused",
        ),
        rows=tuple(rows),
    )
