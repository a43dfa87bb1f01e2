"""What `plusone.scan` itself measures of every architecture of the table, at several batch sizes.

    OMP_NUM_THREADS=1 python -m benchmarks.trainability.scanned

Two minutes for each batch size. The verdict is fitted on these numbers, so that it is calibrated on
the very quantities that a scan judges by.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from benchmarks.trainability.data import images
from benchmarks.trainability.nets import build
from benchmarks.trainability.spec import Arch
from benchmarks.trainability.table import Table, load

import plusone
from plusone.judge.calibration import NAMES, quantities
from plusone.judge.judge import judge
from plusone.records import Evidence, Finding, ScanConfig, Structure, Verdict

Judgement = tuple[tuple[Finding, ...], Verdict | None]
SCANNED = Path(__file__).with_name("scanned.csv")
BATCHES = (64, 32, 16)


def scanned(arch: Arch, batch: int) -> dict[str, float]:
    """The quantities of the verdict, its probability, and the CPU seconds of the quick scan."""
    net, x = build(arch), images(arch.kind).inputs[:batch]
    with kept_evidence() as judged:
        start = time.process_time()
        report = plusone.scan(net, x, quick=True)
        seconds = time.process_time() - start
    found = quantities(judged[0])
    values = dict.fromkeys(NAMES, float("nan")) if found is None else found
    verdict = float("nan") if report.verdict is None else report.verdict.probability
    return {**values, "probability": verdict, "seconds_scan": seconds}


@contextmanager
def kept_evidence() -> Iterator[list[Evidence]]:
    """The evidence of the scans inside: it knows the trunk, which a report does not keep."""
    judged: list[Evidence] = []

    def keep(structure: Structure, evidence: Evidence, config: ScanConfig) -> Judgement:
        judged.append(evidence)
        return judge(structure, evidence, config)

    with mock.patch.object(import_module("plusone.scan"), "judge", keep):
        yield judged


def load_scanned(batch: int, path: Path = SCANNED) -> Table:
    """The rows of one batch size, in the order of the table."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["batch"]) == batch]
    return Table(
        columns={name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    )


def main() -> None:
    """Scan them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, nargs="*", default=BATCHES)
    parser.add_argument("--out", type=Path, default=SCANNED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = load()
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["seed", "batch", *NAMES, "probability", "seconds_scan"])
        for batch in options.batches:
            for row in range(len(table)):
                arch = table.arch(row)
                found = scanned(arch, batch)
                numbers = [f"{value:.5g}" for value in found.values()]
                writer.writerow([arch.seed, batch, *("" if n == "nan" else n for n in numbers)])
                if row % 100 == 99:
                    print(batch, row + 1, flush=True)


if __name__ == "__main__":
    main()
