"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs
from plusone.labs.base.effects import effect
from plusone.labs.explosion.nets import COLUMNS, DEPTHS, FORMS, NUM_NETS
from plusone.labs.explosion.pictures import depths_of, figures, tables

TAMING = ("1/sqrt(L)", "layer norm", "batch norm", "ReZero")
AT_32 = DEPTHS.index(32)
EXCESS = ("excess", "excess, trained")


def conclude(runs: Runs) -> Conclusion:
    start = {name: runs.of(name, "depths") for name in FORMS}
    trained = {name: runs.of(name, "after") for name in FORMS}
    bound, norm, gain, moments = (COLUMNS.index(c) for c in COLUMNS[:4])
    gap = start["residual"][:, :, bound] - start["residual"][:, :, norm]
    left = trained["residual"][:, bound] - trained["residual"][:, norm]
    by_moments = trained["residual"][:, moments] - trained["residual"][:, gain]
    off_law = runs.of("residual", "over nets") - 16 * np.log10(2)
    grown = {name: trained[name][:, gain] for name in FORMS}
    tamed = {name: grown["residual"] - grown[name] for name in TAMING}
    least = min(TAMING, key=lambda name: float(tamed[name].mean()))
    measured: dict[str, Sequence[float]] = {
        "never-above": [max(float(runs.of(name, key).max()) for name in FORMS for key in EXCESS)],
        "bound-at-start": list(gap[:, AT_32]),
        "bound-trained": list(left),
        "law-at-start": list(off_law),
        "moment-trained": list(by_moments),
        "tamed": list(np.min([tamed[name] for name in TAMING], axis=0)),
        "scan": [float(runs.of("residual", "scan error").max())],
        "rezero": list(start["ReZero"][:, AT_32, gain]),
        "looseness": [float(np.polyfit(depths_of(runs), row, 1)[0]) for row in gap],
        "scaled": list(start["1/sqrt(L)"][:, AT_32, gain]),
        "layer-norm": list(start["layer norm"][:, AT_32, gain]),
        "batch-norm": list(start["batch norm"][:, AT_32, gain]),
    }
    num_blocks = int(runs.plan.arms[0].options["blocks"])
    reading = (
        f"The bound was never passed, and it tells nothing of the size: over 32 blocks it is "
        f"10^{gap[:, AT_32].mean():.0f} times too large at the start, "
        f"{np.mean(measured['looseness']):.2f} decades a block, and 10^{left.mean():.0f} times in "
        f"a trained net of {num_blocks}. Over {NUM_NETS} nets at the start the mean gain is "
        f"{10 ** off_law.mean():.2f} times 2^(L/2), and the product of the blocks' own mean "
        f"gains is 10^{by_moments.mean():+.2f} of the trained net's. At the start, growth over 32 "
        "blocks in decades: "
        + ", ".join(f"{name} {start[name][:, AT_32, gain].mean():.2f}" for name in FORMS)
        + f"; after training ({num_blocks} blocks): "
        + ", ".join(f"{name} {grown[name].mean():.2f}" for name in FORMS)
        + f". Of the four cures {least} takes off the least."
    )
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=(
            effect(
                "decades of growth over 32 blocks at the start",
                ("residual", list(start["residual"][:, AT_32, gain])),
                ("plain", list(start["plain"][:, AT_32, gain])),
            ),
            effect(
                f"decades of growth over {num_blocks} trained blocks",
                ("residual", list(grown["residual"])),
                ("residual / sqrt(L)", list(grown["1/sqrt(L)"])),
            ),
        ),
        figures=figures(runs),
        tables=tables(runs),
    )
