"""From the runs to the outcomes, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs, Table, effect
from plusone.labs.gan.claim import COVERED
from plusone.labs.gan.pictures import figures
from plusone.theory import WINDOW

YARDSTICK = "digits and noise"
FREE = "plain, generator's steps of any gradient"
FREE_BOTH = "plain, both nets' steps of any gradient"
LONGER = "plain, twice the steps"
REPAIRED = "plain, repaired by plusone.fix"
NORMED, NORMED_SKIPS = "plain, spectral norm", "residual, spectral norm"
FULL_ALONE = (NORMED, NORMED_SKIPS, FREE, LONGER)
_FLOOR = 1e-30  # a gradient of zero is this small


def conclude(runs: Runs) -> Conclusion:
    names = [arm.name for arm in runs.arms if arm.name != YARDSTICK]
    found = {key: {n: runs.of(n, key) for n in names} for key in ("start", "modes", "distance")}
    start, modes, distance = found["start"], found["modes"], found["distance"]
    gradient = {
        n: np.log10(np.maximum(np.median(runs.of(n, "gradients"), 1), _FLOOR)) for n in names
    }
    accused = {n: runs.of(n, "is accused") for n in names}
    noise, real = runs.of(YARDSTICK, "noise"), runs.of(YARDSTICK, "real")

    def more(one: str, other: str) -> list[float]:
        """Digits covered, of the seeds that both have."""
        count = min(len(modes[one]), len(modes[other]))
        return list(modes[one][:count] - modes[other][:count])

    measured: dict[str, Sequence[float]] = {
        "plain-start": list(start["plain"]),
        "residual-start": list(np.abs(start["residual"])),
        "generator": list(gradient["residual"] - gradient["plain"]),
        "modes": more("residual", "plain"),
        "frechet": list(np.log10(distance["plain"] / distance["residual"])),
        "shallow": list(modes["plain, 2 blocks"]),
        "classifier": [float(runs.of(YARDSTICK, "accuracy").min())],
        "yardstick": list(np.log10(runs.of(YARDSTICK, "specks") / real)),
        "he-start": list(np.abs(start["plain, He"])),
        "he-modes": more("plain, He", "residual"),
        "covariance": list(np.log10(noise / real)),
        "scan": list(accused["plain"] - accused["residual"]),
        "critic": list(runs.of("plain", "critic")),
        "both-modes": more(FREE_BOTH, "plain"),
        "blind": list(runs.of("plain", "spread")),
        "repaired-modes": more(REPAIRED, "plain"),
        "noise-modes": list(runs.of(YARDSTICK, "noise modes")),
    }
    is_full = set(FULL_ALONE) <= set(names)
    if is_full:
        measured |= {
            "spectral-start": list(start[NORMED]),
            "spectral-modes": more(NORMED_SKIPS, NORMED),
            "free-modes": more(FREE, "plain"),
            "longer-modes": more(LONGER, "residual"),
        }
    only = ("spectral-start", "spectral-modes", "free-modes", "longer-modes")
    pairs = [("residual", "plain"), *([(NORMED_SKIPS, NORMED)] if is_full else [])]
    return Conclusion(
        measured=measured,
        unmeasured={} if is_full else dict.fromkeys(only, "full mode alone"),
        reading=_reading(runs, start, gradient),
        effects=tuple(
            effect(text, (one, list(values[one])), (other, list(values[other])))
            for text, values in (
                ("digits covered, of 10", modes),
                ("log10 of the Frechet distance", {n: np.log10(d) for n, d in distance.items()}),
            )
            for one, other in pairs
        ),
        figures=figures(runs, _FLOOR),
        tables=(_table(runs, names, gradient),),
    )


def failures(runs: Runs, name: str) -> int:
    """Seeds whose generator covers fewer than five digits."""
    return int((runs.of(name, "modes") < COVERED).sum())


def _reading(
    runs: Runs, start: Mapping[str, np.ndarray], gradient: Mapping[str, np.ndarray]
) -> str:

    def of(name: str) -> str:
        seeds = len(runs.of(name, "modes"))
        return (
            f"{float(runs.mean(name, 'modes')):.1f} digits, Frechet distance "
            f"{float(np.median(runs.of(name, 'distance'))):.3g}, {failures(runs, name)} of "
            f"{seeds} seeds failed"
        )

    more = float(np.mean(gradient["residual"] - gradient["plain"]))
    end = float(runs.mean("plain", "end"))
    late = ", too late for its generator" if end > -WINDOW else ""
    normed = (
        f"Spectral norm makes the plain critic vanish by {-start[NORMED].mean():.1f} decades: "
        f"{of(NORMED)}; the residual one with it: {of(NORMED_SKIPS)}. "
        if NORMED in start
        else ""
    )
    return (
        f"Over the deep plain critic the gradient falls by {-start['plain'].mean():.1f} decades at "
        f"the start, over its residual twin it changes by {start['residual'].mean():+.2f}; during "
        f"training the generator's gradient differs by {more:.1f} decades. At the end the plain "
        f"critic has {end:+.1f} decades{late}. "
        f"A seed has failed whose generator covers fewer than {COVERED} digits. With the plain "
        f"critic: {of('plain')}. Residual: {of('residual')}. {_why(runs)} {normed}"
        f"A plain critic of He's weights keeps the gradient "
        f"({start['plain, He'].mean():+.2f} decades): {of('plain, He')}. "
        f"What plusone.fix makes of the deep plain critic: {of(REPAIRED)}. "
        f"A plain critic of 2 blocks: {of('plain, 2 blocks')}. Held-out digits "
        f"have the distance {float(runs.mean(YARDSTICK, 'real')):.3g}, independent pixels "
        f"{float(runs.mean(YARDSTICK, 'specks')):.3g}, and Gaussian noise with the digits' "
        f"covariance {float(runs.mean(YARDSTICK, 'noise')):.3g} and "
        f"{float(runs.mean(YARDSTICK, 'noise modes')):.0f} digits."
    )


def _why(runs: Runs) -> str:
    """Whether the small gradient is what keeps the generator from learning."""
    chance = 2 * math.log(2)
    names = {arm.name for arm in runs.arms}
    loss, digits = (float(runs.mean(FREE_BOTH, key)) for key in ("critic", "modes"))
    plain = runs.of("plain", "modes")[: len(runs.of(FREE_BOTH, "modes"))]
    helps = digits - float(plain.mean()) >= 2
    cause = "helps" if helps else "does not help"
    critic = "tells nothing apart" if loss > 0.98 * chance else "still tells some apart"
    alone = longer = ""
    if names >= set(FULL_ALONE):
        alone = f" ({float(runs.mean(FREE, 'modes')):.1f} where the generator's steps alone are)"
        longer = f" Twice the steps bring it to {float(runs.mean(LONGER, 'modes')):.1f} digits."
    spread = float(runs.mean("plain", "spread"))
    rounding = "less" if spread < 0 else "more"
    both = ": signal and gradient are both gone" if spread < 0 else ""
    return (
        f"To let the steps of both nets be as long whatever the gradient's size {cause}: "
        f"{digits:.1f} digits{alone}, and the critic {critic} (loss {loss:.3f}, and {chance:.3f} "
        "is chance). At the start the deep plain critic's scores of two pictures differ by "
        f"{rounding} than float32 rounds ({spread:+.1f} decades){both}.{longer}"
    )


def _table(runs: Runs, names: Sequence[str], gradient: Mapping[str, np.ndarray]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for name in names:
        rows.append(
            (
                name,
                float(runs.mean(name, "start")),
                float(runs.mean(name, "spread")),
                float(runs.mean(name, "end")),
                float(gradient[name].mean()),
                float(runs.mean(name, "critic")),
                float(runs.mean(name, "modes")),
                float(np.median(runs.of(name, "distance"))),
                failures(runs, name),
                float(runs.of(name, "is accused").mean()),
            )
        )
    return Table(
        title="Critics by name; means over seeds, of the distance the median",
        columns=(
            "critic",
            "decades at the start",
            "scores' spread over rounding, decades",
            "decades at the end",
            "log10 generator's gradient",
            "critic's loss",
            "digits covered",
            "Frechet distance",
            "failures",
            "G201 found",
        ),
        rows=tuple(rows),
    )
