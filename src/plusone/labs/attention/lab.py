"""The arms, what is measured of each, and what follows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from torch import Tensor

from plusone.labs.attention.claim import CLAIM
from plusone.labs.attention.names import (
    ATTENTION,
    FIXED,
    KINDS,
    LENGTHS,
    REPAIRED,
    kind_of,
    lettered,
)
from plusone.labs.attention.nets import (
    Reader,
    decay_law,
    gradient_to_first,
    loss_of,
    net_of,
    num_parameters,
    repaired,
    sentences,
    shortest_path,
    warning,
)
from plusone.labs.attention.pictures import figures
from plusone.labs.attention.quality import alignment, qualities
from plusone.labs.attention.tasks import Task, task_of
from plusone.labs.base import Arm, Conclusion, Lab, Plan, Runs, Table, effect
from plusone.labs.base.lab import Option
from plusone.labs.training import Loss, TrainConfig, train
from plusone.nn.models import Seq2Seq

RATES = {"translation": (1e-2, 5e-3), "backwards": (1e-2,)}
"""Learning rates that each net of a task tries."""
WHAT = {"translation": "BLEU / 100", "backwards": "share of tokens right"}


def plan(is_full: bool) -> Plan:
    letters: dict[str, Option] = {
        "task": "backwards",
        "width": 64,
        "steps": 400 if is_full else 330,
    }
    words: dict[str, Option] = {"task": "translation", "width": 128, "steps": 600}
    arms = [Arm(name=name, options=letters) for name in KINDS]
    if is_full:
        arms = [Arm(name=lettered(name), options=letters) for name in KINDS]
        arms = [*(Arm(name=name, options=words) for name in KINDS), *arms]
    return Plan(
        arms=tuple(arms),
        seeds=tuple(range(5 if is_full else 3)),
        data=("multi30k",) if is_full else (),
    )


def measure(arm: Arm, seed: int) -> Mapping[str, object]:
    task, kind = task_of(str(arm.options["task"])), kind_of(arm.name)
    net = net_of(task, width=int(arm.options["width"]), has_attention=kind == ATTENTION)
    found: dict[str, object] = {}
    if kind != REPAIRED:
        pairs = [sentences(task, n, seed=seed) for n in LENGTHS]
        found["gradient"] = [gradient_to_first(net, *pair) for pair in pairs]
        found["path"] = [shortest_path(net, *pair) for pair in pairs]
    else:
        made = repaired(net, task)
        assert isinstance(made, Seq2Seq)
        net = made
    found |= {
        "parameters": num_parameters(net),
        "width": net.head.in_features,
        "fires": warning(net, task),
    }
    net, found["rate"] = best(
        net, task, rates=RATES[str(arm.options["task"])], steps=int(arm.options["steps"]), seed=seed
    )
    found["quality"] = qualities(net, task)
    if kind == ATTENTION:
        for at, (first, _) in enumerate((task.edges[1], task.edges[-1])):
            longer = (i for i, (s, _) in enumerate(task.test.pairs) if s.shape[1] >= first)
            batch = next(longer)
            for key, value in alignment(net, task, batch=batch).items():
                found[f"{key} {at}"] = value
    return found


def best(
    net: Seq2Seq, task: Task, *, rates: Sequence[float], steps: int, seed: int
) -> tuple[Seq2Seq, float]:
    """Of copies of `net` trained at each rate the one with the lowest training loss at the end,
    and its rate."""
    nets = [copy.deepcopy(net) for _ in rates]
    losses = [
        trained(each, task, steps=steps, rate=rate, seed=seed)
        for each, rate in zip(nets, rates, strict=True)
    ]
    at = losses.index(min(losses))
    return nets[at], rates[at]


def trained(net: Seq2Seq, task: Task, *, steps: int, rate: float, seed: int) -> float:
    """Train in place, a batch of sentences a step: what the loop draws are batches.

    The mean loss of the last tenth of the steps; infinite where it is not a number.
    """
    config = TrainConfig(
        steps=steps, learning_rate=rate, batch=1, optimizer="adam", clip=1.0, seed=seed
    )
    batches = cast(Tensor, task.train)
    losses = train(Reader(net), batches, batches, config, loss_fn=cast(Loss, loss_of))
    mean = float(np.mean(losses[-max(steps // 10, 1) :]))
    return mean if mean == mean else float("inf")


def conclude(runs: Runs) -> Conclusion:
    task = str(runs.arms[0].options["task"])
    quality = {name: runs.of(name, "quality") for name in KINDS}
    letters = letters_of(runs)
    gap = quality[ATTENTION] - quality[FIXED]
    gradient = {name: np.log10(runs.of(name, "gradient")) for name in (ATTENTION, FIXED)}
    path = {name: runs.mean(name, "path") for name in (ATTENTION, FIXED)}
    steps = 2 * np.array(LENGTHS) - 1
    is_right = [runs.of(a, "fires") == (kind_of(a.name) == FIXED) for a in runs.arms]
    law = decay_law(float(runs.mean(FIXED, "width")))
    measured: dict[str, Sequence[float]] = {
        "gap": list(gap[:, -1]),
        "widening": list(gap[:, -1] - gap[:, 0]),
        "level": list(quality[ATTENTION][:, 0] - quality[ATTENTION][:, -1]),
        "decay-fixed": [_slope(steps, row) for row in gradient[FIXED]],
        "decay-law": [_slope(steps, row) - law for row in gradient[FIXED]],
        "decay-attention": [_slope(np.log10(LENGTHS), row) for row in gradient[ATTENTION]],
        "paths-fixed": [_slope(LENGTHS, path[FIXED])],
        "paths-attention": [_slope(LENGTHS, path[ATTENTION])],
        "warning": list(np.mean(is_right, axis=0)),
        "parameters": [float(runs.mean(FIXED, "parameters") / runs.mean(ATTENTION, "parameters"))],
        "short": list(quality[ATTENTION][:, 0]),
        "repair": list((quality[REPAIRED][:, -1] - quality[FIXED][:, -1]) / gap[:, -1]),
        "short-gap": list(gap[:, 0]),
        "letters": list(letters[ATTENTION][:, -1] - letters[FIXED][:, -1]),
        "above": list(letters[FIXED][:, 1] / letters[FIXED][:, 0]),
        "below": list(letters[FIXED][:, 2] / letters[FIXED][:, 0]),
        "repair-size": [float(runs.mean(REPAIRED, "parameters") / runs.mean(FIXED, "parameters"))],
    }
    what = WHAT[task]
    edges = task_of(task).edges
    return Conclusion(
        measured=measured,
        reading=f"{_reading(measured, quality, path, edges, what)} {_about_letters(letters)}",
        effects=tuple(
            effect(
                f"{what} of sources of {_words(edges[at])}",
                ("attention", list(quality[ATTENTION][:, at])),
                ("fixed context", list(quality[FIXED][:, at])),
            )
            for at in (-1, 0)
        ),
        figures=figures(runs, edges, what),
        tables=tables_of(runs),
    )


def _slope(x: Sequence[float] | np.ndarray, y: np.ndarray) -> float:
    return round(float(np.polyfit(x, y, 1)[0]), 12)


def _words(edge: tuple[int, int]) -> str:
    return f"{edge[0]} tokens and more" if edge[1] == 99 else f"{edge[0]} to {edge[1]} tokens"


def _reading(
    measured: Mapping[str, Sequence[float]],
    quality: Mapping[str, np.ndarray],
    path: Mapping[str, np.ndarray],
    edges: Sequence[tuple[int, int]],
    what: str,
) -> str:
    mean = {key: float(np.mean(values)) for key, values in measured.items()}
    ends = {name: (found[:, 0].mean(), found[:, -1].mean()) for name, found in quality.items()}
    return (
        f"From {_words(edges[0])} to {_words(edges[-1])} the {what} goes from "
        f"{ends[FIXED][0]:.3f} to {ends[FIXED][1]:.3f} with a fixed context and from "
        f"{ends[ATTENTION][0]:.3f} to {ends[ATTENTION][1]:.3f} with attention, at the same number "
        f"of parameters: the gap {'widens' if mean['widening'] >= 0.02 else 'does not widen'} "
        f"({mean['short-gap']:+.3f} at the shortest, {mean['gap']:+.3f} at the longest). "
        f"plusone.fix's attention, which it adds to the net as it is "
        f"({mean['repair-size'] - 1:.0%} more parameters), closes {mean['repair']:.0%} of the gap "
        "at the longest. At the start the gradient from the last "
        f"output to the first input falls by "
        f"{-mean['decay-fixed']:.2f} decades a step without attention, and with it as length to "
        f"the power {mean['decay-attention']:.2f}. From {LENGTHS[0]} to {LENGTHS[-1]} words the "
        f"shortest path goes from {path[FIXED][0]:.0f} to {path[FIXED][-1]:.0f} layers, with "
        f"attention from {path[ATTENTION][0]:.0f} to {path[ATTENTION][-1]:.0f}. S106 was right "
        f"about {mean['warning']:.0%} of the nets."
    )


def letters_of(runs: Runs) -> dict[str, np.ndarray]:
    """The share of letters right by kind of net and class of lengths."""
    names = {arm.name for arm in runs.arms}
    chosen = {kind: lettered(kind) if lettered(kind) in names else kind for kind in KINDS}
    return {kind: runs.of(name, "quality") for kind, name in chosen.items()}


def _about_letters(letters: Mapping[str, np.ndarray]) -> str:
    edges = task_of("backwards").edges
    shares = ", ".join(
        f"{share:.0%} of {_words(edge).removesuffix(' tokens')}"
        for edge, share in zip(edges, letters[FIXED].mean(0), strict=True)
    )
    return (
        f"Of letters to be written backwards the fixed context has right {shares} "
        f"({letters[ATTENTION][:, -1].mean():.0%} of the longest with attention, "
        f"{letters[REPAIRED][:, -1].mean():.0%} repaired). S106 accuses it from 9 letters on: "
        "1/9 of what is read."
    )


def tables_of(runs: Runs) -> tuple[Table, ...]:
    """One for each task."""
    found = []
    for task, what in WHAT.items():
        arms = [arm for arm in runs.arms if arm.options["task"] == task]
        if not arms:
            continue
        rows: list[tuple[str | float, ...]] = []
        for arm in arms:
            numbers = [float(runs.mean(arm, key)) for key in ("parameters", "rate", "fires")]
            rows.append((kind_of(arm.name), *numbers, *map(float, runs.mean(arm, "quality"))))
        found.append(
            Table(
                title=f"Parameters, learning rate (mean), S106, and {what} by the source's length",
                columns=("net", "parameters", "rate", "S106", *map(_words, task_of(task).edges)),
                rows=tuple(rows),
            )
        )
    return tuple(found)


LAB = Lab(claim=CLAIM, plan=plan, measure=measure, conclude=conclude)
