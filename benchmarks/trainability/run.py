"""Measures and trains architectures, one row each: `python -m benchmarks.trainability.run --help`.

Two processes, each with one thread, make 700 rows in about an hour:

    for k in 0 1; do
      OMP_NUM_THREADS=1 python -m benchmarks.trainability.run --worker $k --of 2 --count 700 &
    done

What is in the file already is not made again. `table` then packs the rows.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import torch
from benchmarks.trainability.data import images
from benchmarks.trainability.features import measure, separability
from benchmarks.trainability.nets import Net, build
from benchmarks.trainability.proxies import proxies
from benchmarks.trainability.spec import Arch, random_arch
from benchmarks.trainability.train import Training, train

ROWS = Path("out/trainability")
NUM_BATCH = 64
NUM_LABELLED = 256
WATCHED = (5, 20, 50)


def row_of(arch: Arch) -> dict[str, object]:
    """Everything about one architecture: features and proxies first, then its training."""
    start = time.perf_counter()
    found = features_of(arch)
    measured = time.perf_counter()
    torch.set_flush_denormal(True)
    training = train(arch)
    torch.set_flush_denormal(False)
    return {
        **arch.as_row(),
        "family": arch.family,
        **found,
        **_outcome(training),
        "seconds_measuring": round(measured - start, 2),
        "seconds_training": round(time.perf_counter() - measured, 2),
    }


def features_of(arch: Arch) -> dict[str, float]:
    """All that is measured before training."""
    data = images(arch.kind)
    x, targets = data.inputs[:NUM_BATCH], data.targets[:NUM_BATCH]
    net = build(arch)
    found = measure(net, x, head=net.layers["head"])
    found |= proxies(net, x, targets) | _separabilities(net)
    return {name: _rounded(value) for name, value in found.items()}


def _separabilities(net: Net) -> dict[str, float]:
    """Separability of the classes at the head, of 256 labelled images."""
    data = images(net.arch.kind)
    found: list[torch.Tensor] = []
    handle = net.layers["head"].register_forward_pre_hook(
        lambda module, args: found.append(args[0].detach())
    )
    with torch.no_grad():
        net(data.inputs[:NUM_LABELLED])
    handle.remove()
    result = separability(found[0], data.targets[:NUM_LABELLED])
    return {"neighbours": result.neighbours, "linear_probe": result.linear}


def _outcome(training: Training) -> dict[str, object]:
    best = [max((r.accuracy for r in arm), default=0.0) for arm in training.readings]
    watched = {}
    for step in WATCHED:
        reading = training.best_at(step)
        watched[f"loss_{step}"] = _rounded(reading.loss)
        watched[f"accuracy_{step}"] = _rounded(
            max(
                (r.accuracy for arm in training.readings for r in arm if r.step == step),
                default=0.0,
            )
        )
    return {
        "accuracy": round(training.accuracy, 4),
        "arm_accuracies": [round(b, 3) for b in best],
        "num_steps": training.num_steps,
        "arm_losses_50": [
            next((_rounded(r.loss) for r in arm if r.step == 50), math.inf)
            for arm in training.readings
        ],
        **watched,
    }


def _rounded(number: float) -> float:
    return float(f"{number:.5g}")


def _remeasure(path: Path) -> None:
    """Replace the features in a file of rows, after a change of what is measured."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = []
    for row in rows:
        arch = random_arch(row["seed"])
        lines.append(json.dumps(row | arch.as_row() | features_of(arch)))
    path.write_text("".join(f"{line}\n" for line in lines))


def _seeds_in(folder: Path) -> set[int]:
    lines = [line for f in folder.glob("rows*.jsonl") for line in f.read_text().splitlines()]
    return {json.loads(line)["seed"] for line in lines}


def main() -> None:
    """Make the rows of one worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the first architecture's seed")
    parser.add_argument("--count", type=int, default=700)
    parser.add_argument("--folder", type=Path, default=ROWS)
    parser.add_argument("--remeasure", action="store_true", help="the rows there are, untrained")
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / f"rows{options.worker}.jsonl"
    if options.remeasure:
        _remeasure(path)
        return
    done = _seeds_in(options.folder)
    for seed in range(options.first, options.first + options.count):
        if seed % options.of != options.worker or seed in done:
            continue
        while options.pause is not None and options.pause.exists():
            time.sleep(2.0)
        row = row_of(random_arch(seed))
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row["seed"], row["family"], row["depth"], row["accuracy"], flush=True)


if __name__ == "__main__":
    main()
