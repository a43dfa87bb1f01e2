"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs
from plusone.labs.base.effects import effect
from plusone.labs.eigenvalues import powers
from plusone.labs.eigenvalues.pictures import figures, tables


def conclude(runs: Runs) -> Conclusion:
    gains = runs.of("given", "gains")[0]
    at = dict(zip(powers.EIGENVALUES, gains, strict=True))
    after = {name: runs.of(name, "after") for name in ("plain", "residual")}
    helped = runs.of("residual", "helped")[:, 1]
    miss = {name: slopes[:, 0] - slopes[:, 2] for name, slopes in after.items()}
    independent = _miss(runs, "residual", "independent")
    wide, narrow = (float(runs.of("given", key)[0]) for key in ("wide", "narrow"))
    norms = runs.of("given", "norms")[0]
    measured: dict[str, Sequence[float]] = {
        "plain-half": [float(at[0.5][0])],
        "narrow-band": [narrow],
        "wide-band": [wide],
        "trained-helped": list(helped),
        "slope-repeated": list(
            np.maximum(
                np.abs(_miss(runs, "plain", "repeated")),
                np.abs(_miss(runs, "residual", "repeated")),
            )
        ),
        "slope-plain": list(miss["plain"]),
        "slope-residual": list(miss["residual"]),
        "closed-form": [float(runs.of("given", "error")[0])],
        "second-moment": list(_worst_moment(runs)),
        "helped-iff": [float(runs.of("given", "agrees")[0])],
        "counter-example": [float(at[-0.9][1] - at[-0.9][0])],
        "slope-independent": list(independent),
        "slope-by-moment": list(after["residual"][:, 1] - after["residual"][:, 2]),
        "non-normal": [float(norms[-1])],
    }
    num_blocks = int(runs.plan.arms[-1].options["blocks"])
    reading = (
        f"50 layers of eigenvalue 0.5 leave 10^{at[0.5][0]:.1f}. Skips keep eigenvalues in "
        f"[-0.1, 0.1] alive (10^{narrow:.1f} at least), but of [-0.5, 0.5] the end at -0.5 decays "
        f"exactly as without (10^{wide:.1f}), and at -0.9 the residual net is the worse one by "
        f"10^{at[-0.9][0] - at[-0.9][1]:.1f}: the shift helps if Re lambda > -1/2. "
        f"{helped.mean():.1%} of the trained branches' eigenvalues lie there. Eigenvalues "
        "tell the decay where one matrix repeats. Where layers differ they overrate a residual "
        f"net, by {independent.mean():.3f} decades a layer if Gaussian and by "
        f"{miss['residual'].mean():.3f} if trained ({num_blocks} blocks: a factor of "
        f"10^{num_blocks * miss['residual'].mean():.1f}); the second moment misses by "
        f"{np.mean(measured['slope-by-moment']):.3f}. Nor does a spectral radius of 0.5 "
        f"mean decay: without a full set of orthogonal eigenvectors 50 layers grew to "
        f"10^{norms[-1]:.1f}."
    )
    from_end_to_end = {name: list(s[:, 2] * num_blocks) for name, s in after.items()}
    return Conclusion(
        measured=measured,
        reading=reading,
        effects=(
            effect(
                f"log10 of the gain through {num_blocks} trained blocks",
                ("residual", from_end_to_end["residual"]),
                ("plain", from_end_to_end["plain"]),
            ),
            effect(
                f"log10 of the mean squared gain through {powers.DEPTH} Gaussian layers",
                ("residual / sqrt(L)", list(runs.of("gaussian", "scaled residual")[:, -1])),
                ("plain", list(runs.of("gaussian", "plain")[:, -1])),
            ),
        ),
        figures=figures(runs),
        tables=tables(runs),
    )


def _miss(runs: Runs, kind: str, layers: str) -> np.ndarray:
    radius = runs.of("gaussian", f"{kind} radius, {layers}")
    return np.asarray(radius - runs.of("gaussian", f"{kind} measured, {layers}"))


def _worst_moment(runs: Runs) -> np.ndarray:
    misses = [
        np.abs(runs.of("gaussian", kind)[:, -1] - powers.DEPTH * np.log10(law))
        for kind, law in powers.moment_laws().items()
    ]
    return np.asarray(np.max(misses, axis=0))
