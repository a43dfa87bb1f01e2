"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs
from plusone.labs.base.effects import effect
from plusone.labs.boosting.pictures import RANDOM_START, figures, is_full, tables


def conclude(runs: Runs) -> Conclusion:
    cosine = {name: runs.of(name, "cosines").mean(1) for name in ("residual", "plain", "untrained")}
    falls = {name: _falls(runs.of(name, "exits")) for name in ("residual", "plain")}
    rise = {name: _rise(runs.of(name, "probes")) for name in ("residual", "plain")}
    accuracy = {name: runs.of(name, "accuracy") for name in ("residual", "plain", "trees")}
    stepwise = runs.of("block by block", "accuracies")[:, -1]
    measured: dict[str, Sequence[float]] = {
        "aligned": list(cosine["residual"]),
        "exit-falls": list(falls["residual"]),
        "probe-rises": list(rise["residual"]),
        "training-falls": list(_falls(runs.of("block by block", "losses"))),
        "same-accuracy": list(stepwise - accuracy["residual"]),
        "untrained": list(cosine["untrained"]),
        "trained": list(np.minimum(accuracy["residual"], accuracy["plain"])),
        "aligned-plain": list(cosine["plain"]),
        "exit-plain": list(falls["plain"]),
        "probe-plain": list(rise["plain"]),
        "over-trees": list(accuracy["residual"] - accuracy["trees"]),
    }
    losses = runs.mean("block by block", "losses")
    first = runs.mean("block by block", "accuracies")[1]
    reading = (
        f"The update of a trained residual block has cosine {cosine['residual'].mean():.2f} with "
        f"the negative gradient (untrained {cosine['untrained'].mean():+.3f}, plain "
        f"{cosine['plain'].mean():+.2f}), and {falls['residual'].mean():.0%} of the blocks lower "
        f"the final head's loss (plain {falls['plain'].mean():.0%}). A linear probe gains "
        f"{rise['residual'].mean():.3f} from stem to end, in the plain net "
        f"{rise['plain'].mean():.3f}. Trained one after another, blocks take the training loss "
        f"from {losses[0]:.2g} to {losses[-1]:.1g}, and the test accuracy to "
        f"{stepwise.mean():.3f} ({first:.3f} behind the first block already), against "
        f"{accuracy['residual'].mean():.3f} when trained at once; boosted trees of that size have "
        f"{accuracy['trees'].mean():.3f}."
    )
    if is_full(runs):
        random = runs.of(RANDOM_START, "accuracies")[:, -1]
        reading += f" Blocks that start at random instead of as the identity: {random.mean():.3f}."
        reading += " On MNIST the cosines are " + " and ".join(
            f"{runs.of(f'MNIST {name}', 'cosines').mean():+.2f} ({name})"
            for name in ("residual", "plain")
        )
        reading += "."
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=(
            effect(
                "mean cosine of a block's update with the negative gradient",
                ("residual", list(cosine["residual"])),
                ("plain", list(cosine["plain"])),
            ),
            effect(
                "test accuracy",
                ("block by block", list(stepwise)),
                ("at once", list(accuracy["residual"])),
            ),
        ),
        figures=figures(runs),
        tables=tables(runs),
    )


def _falls(values: np.ndarray) -> np.ndarray:
    """The share of steps along the last axis that go down."""
    return np.asarray((np.diff(values, axis=1) < 0).mean(1))


def _rise(values: np.ndarray) -> np.ndarray:
    return np.asarray(values[:, -1] - values[:, 0])
