"""What a search finds, beside all-skip, periodic skips, random search and TPE without theory.

A plain ReLU net of linear layers on scikit-learn's digits or CIFAR-10's pictures: each sampler
trains so many patterns for 200 steps of Adam on the training samples, of which a quarter chooses;
the pattern that it has chosen after 4 trainings and after all is trained again on all training
samples, three times as long, and read off on samples that no search has seen. Same parameters for
all, as only identities are allowed. With --few a pattern has one skip for six layers at most (the
baselines are as they are), so that it matters where they go.

    python benchmarks/search.py --rows FILE [--data digits|cifar10] [--few] [--worker K --of N]
    python benchmarks/search.py --rows FILE --report

Rows are appended to a file, so that a run goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.search import Pattern, Result, SearchConfig, SpaceConfig, Training, search, space_of
from plusone.target.subject import Subject, subject_of

DEPTHS, SEEDS = (12, 24, 48), range(5)
SAMPLERS = ("theory", "tpe", "random", "evolution")
TRIALS, FEW, WIDTH = 20, 4, 32
BASELINES = ("all-skip", "period 2", "period 4", "no skips")
LAYERS_A_SKIP = 6


def data_of(name: str) -> tuple[Tensor, Tensor]:
    """Standardised samples [N, D] and their classes."""
    if name == "digits":
        from sklearn.datasets import load_digits

        pixels, classes = load_digits(return_X_y=True)
        x, y = torch.tensor(pixels, dtype=torch.float32), torch.tensor(classes)
    else:  # ten kinds of things in grey, 16 x 16
        from plusone.labs.data import cifar10

        found = cifar10(400, 60)
        x = F.avg_pool2d(found.inputs.mean(1, keepdim=True), 2).flatten(1)
        y = found.targets
    return (x - x.mean()) / x.std(), y.long()


def split(data: str, depth: int, seed: int) -> tuple[Subject, Tensor, Tensor]:
    """The net with two thirds of the samples, and the last third, which tests."""
    x, y = data_of(data)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    x, y = x[order], y[order]
    torch.manual_seed(seed)
    hidden = [m for _ in range(depth - 1) for m in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    model = nn.Sequential(nn.Linear(x.shape[1], WIDTH), nn.ReLU(), *hidden, nn.Linear(WIDTH, 10))
    cut = 2 * len(x) // 3
    return subject_of(model, x[:cut], y[:cut], F.cross_entropy), x[cut:], y[cut:]


def tested(data: str, depth: int, seed: int, pattern: Pattern, training: Training) -> float:
    """The accuracy on the last third after a longer training on the first two."""
    subject, held, classes = split(data, depth, seed)
    space = space_of(subject, SpaceConfig(kinds=("identity",)))
    (x,), y = subject.args, subject.targets
    assert isinstance(x, Tensor)
    assert isinstance(y, Tensor)
    torch.manual_seed(seed)
    model = space.model(pattern, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=training.learning_rate, fused=True)
    for _ in range(3 * training.steps):
        at = torch.randint(len(x), (training.batch,))
        optimizer.zero_grad()
        F.cross_entropy(model(x[at]), y[at]).backward()
        optimizer.step()
    with torch.no_grad():
        return float((model(held).argmax(1) == classes).float().mean())


def chosen(result: Result, trials: int) -> Pattern:
    """The best of the first so many trainings besides the baselines."""
    own = sorted((t for t in result.tried if not t.baseline), key=lambda t: t.number)[:trials]
    return max(own, key=lambda t: t.score).pattern


def rows_of(
    data: str, depth: int, seed: int, done: set[str], samplers: Sequence[str], *, few: bool
) -> Iterator[dict[str, object]]:
    training = Training(seed=seed)
    subject, _, _ = split(data, depth, seed)
    most = depth // LAYERS_A_SKIP if few else None
    space = SpaceConfig(kinds=("identity",), max_skips=most)
    config = SearchConfig(trials=TRIALS, training=training, space=space)
    named = space_of(subject, SpaceConfig(kinds=("identity",))).named()
    head = {"data": data, "depth": depth, "seed": seed}

    def row(arm: str, pattern: Pattern) -> dict[str, object]:
        accuracy = tested(data, depth, seed, pattern, training)
        return {**head, "arm": arm, "accuracy": accuracy, "spans": list(pattern.spans)}

    for name in BASELINES:
        if name not in done:
            yield row(name, named[name])
    for sampler in samplers:
        if f"{sampler} {TRIALS}" in done:
            continue
        result = search(subject, replace(config, sampler=sampler))  # type: ignore[arg-type]
        for trials in (FEW, TRIALS):
            if f"{sampler} {trials}" in done:
                continue
            yield row(f"{sampler} {trials}", chosen(result, trials))


def report(rows: list[dict[str, object]]) -> str:
    """A table: the mean test accuracy of each arm with its standard error."""
    lines = []
    for data in sorted({str(r["data"]) for r in rows}):
        arms = list(dict.fromkeys(str(r["arm"]) for r in rows if r["data"] == data))
        arms.sort(key=lambda a: (a not in BASELINES, a))
        depths = sorted({int(str(r["depth"])) for r in rows if r["data"] == data})
        lines += [f"| {data} | " + " | ".join(f"{d} layers" for d in depths) + " |"]
        lines += ["|" + "---|" * (len(depths) + 1)]
        for arm in arms:
            cells = []
            for depth in depths:
                found = [
                    float(str(r["accuracy"]))
                    for r in rows
                    if (r["data"], r["arm"], r["depth"]) == (data, arm, depth)
                ]
                error = np.std(found, ddof=1) / math.sqrt(len(found)) if len(found) > 1 else 0.0
                cells.append(f"{np.mean(found):.3f} ± {error:.3f} ({len(found)})" if found else "-")
            lines.append(f"| {arm} | " + " | ".join(cells) + " |")
        lines += ["", *differences([r for r in rows if r["data"] == data], depths), ""]
    return "\n".join(lines)


PAIRS = (
    (f"theory {TRIALS}", f"random {TRIALS}"),
    (f"theory {FEW}", f"tpe {TRIALS}"),
    (f"theory {TRIALS}", "all-skip"),
)


def differences(rows: list[dict[str, object]], depths: list[int]) -> list[str]:
    """A table: means over draws of the differences within a draw, with their standard errors."""
    found = {(r["depth"], r["arm"], r["seed"]): float(str(r["accuracy"])) for r in rows}
    lines = ["| difference | " + " | ".join(f"{d} layers" for d in depths) + " |"]
    lines.append("|" + "---|" * (len(depths) + 1))
    for one, other in PAIRS:
        cells = []
        for depth in depths:
            seeds = [s for s in SEEDS if {(depth, one, s), (depth, other, s)} <= found.keys()]
            gaps = [found[depth, one, s] - found[depth, other, s] for s in seeds]
            error = np.std(gaps, ddof=1) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0
            cells.append(f"{np.mean(gaps):+.4f} ± {error:.4f} ({len(gaps)})" if gaps else "-")
        lines.append(f"| {one} less {other} | " + " | ".join(cells) + " |")
    return lines


def parser_of(doc: str) -> argparse.ArgumentParser:
    """The options of a benchmark that keeps its rows in a file and shares its cases out."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--report", action="store_true")
    return parser


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The rows of the file, which is made where it is not there."""
    path.touch()
    return [json.loads(line) for line in path.read_text().splitlines()]


def keep(path: Path, row: Mapping[str, object]) -> None:
    """Append a row to the file."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--data", default="digits", choices=("digits", "cifar10"))
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--few", action="store_true")
    options = parser.parse_args()
    rows = rows_in(options.rows)
    if options.report:
        print(report(rows))
        return
    cases = [(depth, seed) for seed in SEEDS for depth in DEPTHS]
    for depth, seed in cases[options.worker :: options.of]:
        key = (options.data, depth, seed)
        done = {str(r["arm"]) for r in rows if (r["data"], r["depth"], r["seed"]) == key}
        samplers = options.samplers.split(",")
        for row in rows_of(options.data, depth, seed, done, samplers, few=options.few):
            keep(options.rows, row)
            print(row["data"], depth, seed, row["arm"], f"{row['accuracy']:.3f}", flush=True)


if __name__ == "__main__":
    main()
