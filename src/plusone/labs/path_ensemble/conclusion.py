"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs
from plusone.labs.base.effects import effect
from plusone.labs.path_ensemble.expansion import NUM_LAYERS, STRENGTH, order
from plusone.labs.path_ensemble.pictures import figures, has_cifar, tables


def conclude(runs: Runs) -> Conclusion:
    single = {name: runs.of(name, "single") for name in ("residual", "plain")}
    accuracy = {name: runs.of(name, "accuracy") for name in single}
    left = {name: np.median(values, axis=1) for name, values in single.items()}
    lost = accuracy["residual"] - left["residual"]
    shares = runs.of("residual", "shares")
    num_blocks = shares.shape[1] - 1
    lengths = shares @ np.arange(num_blocks + 1)
    quarter = runs.of("residual", "many")[:, num_blocks // 4]
    first = runs.of("residual", "first")
    orders = {
        key: [order(errors) for errors in runs.of("smooth", key)]
        for key in ("first", "all", "second")
    }
    law = NUM_LAYERS * STRENGTH**2 / (1 + STRENGTH**2)
    measured: dict[str, Sequence[float]] = {
        "linear-exact": [float(runs.of("linear", "error").max())],
        "all-paths-order": orders["all"],
        "short-paths": list(lengths / num_blocks),
        "delete-one": list(lost),
        "delete-one-plain": list(left["plain"]),
        "delete-quarter": list(quarter),
        "reorder": list(_correlations(runs, "residual")),
        "counts": [float(runs.of("residual", "counts error").max())],
        "gradient-sum": [float(runs.of("residual", "gradient error").max())],
        "trained": list(np.minimum(accuracy["residual"], accuracy["plain"])),
        "first-order": orders["first"],
        "second-order": orders["second"],
        "binomial-length": list(runs.of("linear", "shares") @ np.arange(NUM_LAYERS + 1) / law),
        "scan-length": list(runs.of("residual", "scan length") - lengths),
        "first-block": list(first),
    }
    reading = (
        "As algebra the sum over paths is exact for linear branches and for the Jacobian at fixed "
        f"gates; for smooth branches of size e the sum over all paths misses by e^"
        f"{np.mean(orders['all']):.2f}, no better than paths of length 1 alone (e^"
        f"{np.mean(orders['first']):.2f}). The trained net's gradient runs through "
        f"{lengths.mean():.1f} of {num_blocks} blocks on average. One block deleted costs it "
        f"{lost.mean():.3f} of {accuracy['residual'].mean():.3f}, a quarter leaves "
        f"{quarter.mean():.2f}; without the first block {first.mean():.2f} is left. "
        f"The plain net keeps {left['plain'].mean():.2f} of {accuracy['plain'].mean():.2f} without "
        "one block."
    )
    if has_cifar(runs):
        reading += " On CIFAR-10 one block deleted leaves " + " and ".join(
            f"{np.median(runs.of(f'CIFAR-10 {name}', 'single'), axis=1).mean():.2f} of "
            f"{runs.mean(f'CIFAR-10 {name}', 'accuracy'):.2f} ({name})"
            for name in ("residual", "plain")
        )
        reading += "."
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=tuple(
            effect(
                f"accuracy left by the deletion of one block{where}",
                ("residual", list(np.median(runs.of(f"{prefix}residual", "single"), axis=1))),
                ("plain", list(np.median(runs.of(f"{prefix}plain", "single"), axis=1))),
            )
            for prefix, where in (("", ""), ("CIFAR-10 ", ", CIFAR-10"))
            if not prefix or has_cifar(runs)
        ),
        figures=figures(runs),
        tables=tables(runs),
    )


def _correlations(runs: Runs, name: str) -> np.ndarray:
    taus, accuracies = runs.of(name, "taus"), runs.of(name, "reordered")
    return np.array([float(np.corrcoef(t, a)[0, 1]) for t, a in zip(taus, accuracies, strict=True)])
