"""What follows from the runs: the numbers that were predicted, the reading and the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plusone.labs.base import Conclusion, Runs, Table, effect
from plusone.labs.unet.claim import LOST
from plusone.labs.unet.names import (
    ADDED,
    DEEPEST,
    ENCODER_DECODER,
    ITS_REPAIR,
    LONGER,
    REPAIRED,
    WIDE,
    levels_of,
    name_of,
)
from plusone.labs.unet.pictures import figures


def conclude(runs: Runs) -> Conclusion:
    ious = {arm.name: runs.of(arm, "iou") for arm in runs.arms}
    edges = {arm.name: runs.of(arm, "boundary") for arm in runs.arms}
    numbers = {arm.name: runs.of(arm, "parameters") for arm in runs.arms}
    whole, bare = name_of("all", DEEPEST), name_of("none", DEEPEST)
    levels = levels_of(runs)
    gains = {n: ious[name_of("all", n)] - ious[name_of("none", n)] for n in levels}
    gain = gains[DEEPEST]
    selective, lost = runs.of(whole, "selectivity"), runs.of(whole, "lost")
    shortest = {
        kept: np.array([runs.mean(name_of(kept, n), "paths")[0] for n in levels])
        for kept in ("all", "none")
    }
    is_right = [
        runs.of(arm, "fires")
        == (ious[name_of("all", int(arm.options["levels"]))] - ious[arm.name] > LOST)
        for arm in runs.arms
        if arm.name not in ADDED
    ]
    measured: dict[str, Sequence[float]] = {
        "iou": list(gain),
        "boundary": list(edges[whole] - edges[bare]),
        "growth": list(gain - gains[1]),
        "finest": list((ious[name_of("finest", DEEPEST)] - ious[bare]) / gain),
        "deep-pass": list(np.log10(selective[:, 0])),
        "skip-pass": list(np.log10(selective[:, 1])),
        "removal": list(lost[:, 1] - lost[:, 3]),
        "paths-with": [float(shortest["all"][-1] - shortest["all"][0])],
        "paths-without": [float(np.polyfit(levels, shortest["none"], 1)[0])],
        "warning": list(np.mean(is_right, axis=0)),
        "parameters": [
            float(np.abs(numbers[name_of("all", n)] - numbers[name_of("none", n)]).max())
            for n in levels
        ],
        "trained": list(ious[whole]),
        "wide": list(ious[whole] - ious[WIDE]),
        "one-level": list(gains[1]),
        "coarsest": list((ious[name_of("coarsest", DEEPEST)] - ious[bare]) / gain),
        "repair": list((ious[REPAIRED] - ious[bare]) / gain),
    }
    is_full = ious.keys() >= set(ADDED)
    if is_full:
        own = ious[ENCODER_DECODER]
        measured["longer"] = list(ious[whole] - ious[LONGER])
        measured["own-repair"] = list((ious[ITS_REPAIR] - own) / (ious[whole] - own))
    return Conclusion(
        measured=measured,
        unmeasured={} if is_full else dict.fromkeys(("longer", "own-repair"), "full mode alone"),
        reading=" ".join(
            filter(
                None,
                (
                    _reading(measured, gains, ious, edges, shortest),
                    _about_training(runs),
                    _about_own(measured, ious) if is_full else "",
                ),
            )
        ),
        effects=(
            effect(
                f"IoU at {DEEPEST} levels",
                ("all skips", list(ious[whole])),
                ("none", list(ious[bare])),
            ),
            effect(
                f"boundary F1 at {DEEPEST} levels",
                ("all skips", list(edges[whole])),
                ("none", list(edges[bare])),
            ),
        ),
        figures=figures(runs, shortest),
        tables=(_table(runs),),
    )


def _reading(
    measured: Mapping[str, Sequence[float]],
    gains: Mapping[int, np.ndarray],
    ious: Mapping[str, np.ndarray],
    edges: Mapping[str, np.ndarray],
    shortest: Mapping[str, np.ndarray],
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    passes = {of: 10 ** mean[f"{of}-pass"] for of in ("deep", "skip")}
    whole, bare = name_of("all", DEEPEST), name_of("none", DEEPEST)
    by_level = ", ".join(f"{gain.mean():+.2f} at {n}" for n, gain in gains.items())
    spread = {
        key: f"{10 ** min(measured[key]):.2g} to {10 ** max(measured[key]):.2g}"
        for key in ("deep-pass", "skip-pass")
    }
    about_coarsest = ""
    if mean["coarsest"] > 0.5:
        about_coarsest = (
            " The coarsest skip carries no fine detail and brings more than half: that part of "
            "the loss is the deep path's training and not its edges."
        )
    return (
        f"At {DEEPEST} levels the net with skips has an IoU of {ious[whole].mean():.2f} and a "
        f"boundary F1 of {edges[whole].mean():.2f}, without {ious[bare].mean():.2f} and "
        f"{edges[bare].mean():.2f}; {ious[WIDE].mean():.2f} with more than twice the parameters. "
        f"The gain of IoU by the number of levels is {by_level}. The finest skip alone brings "
        f"{mean['finest']:.0%} of it, the coarsest {mean['coarsest']:.0%}, and the skips that "
        f"plusone.fix puts in {mean['repair']:.0%}. The deep path lets {passes['deep']:.2g} "
        f"times as much of the high band through as of the low one ({spread['deep-pass']} over "
        f"seeds), the skips {passes['skip']:.2g} times ({spread['skip-pass']}). The shortest path "
        f"has {shortest['all'][-1]:.0f} layers with skips at any depth, "
        f"{shortest['none'][-1]:.0f} without at {DEEPEST} levels. "
        f"S105 said beforehand of {mean['warning']:.0%} of the nets whether they would lose."
        f"{about_coarsest}"
    )


def _about_training(runs: Runs) -> str:
    """Whether the deep net without skips fits what it is trained on."""
    whole, bare = (float(runs.mean(name_of(k, DEEPEST), "train iou")) for k in ("all", "none"))
    fits = "fits" if whole - bare <= LOST else "does not even fit"
    said = (
        f"The deep net without skips {fits} its training pictures (IoU {bare:.2f}, with skips "
        f"{whole:.2f})"
    )
    if LONGER not in {arm.name for arm in runs.arms}:
        return f"{said}."
    longer, test = (float(runs.mean(LONGER, key)) for key in ("train iou", "iou"))
    high, low = (float(runs.mean(name_of(k, DEEPEST), "iou")) for k in ("all", "none"))
    return (
        f"{said}; after five times the steps it has {longer:.2f} there and {test:.2f} on held-out "
        f"pictures, so that {(test - low) / (high - low):.0%} of the gain is what more training "
        "brings too."
    )


def _about_own(measured: Mapping[str, Sequence[float]], ious: Mapping[str, np.ndarray]) -> str:
    own, mended = (float(ious[name].mean()) for name in (ENCODER_DECODER, ITS_REPAIR))
    return (
        f"A net of torch's layers alone, written without skips, has an IoU of {own:.2f}, and "
        f"{mended:.2f} with the skips that plusone.fix puts in, "
        f"{np.mean(measured['own-repair']):.0%} of the gain."
    )


def _table(runs: Runs) -> Table:
    keys = ("parameters", "detail", "fires", "train iou", "iou", "boundary")
    return Table(
        title="All nets: the share of the resolution that some path keeps, S105, scores",
        columns=("skips", "parameters", "detail", "S105", "training IoU", "IoU", "boundary F1"),
        rows=tuple((arm.name, *(float(runs.mean(arm, key)) for key in keys)) for arm in runs.arms),
    )
