"""The committed table: packed from the rows of `run`, and read by everything else.

python -m benchmarks.trainability.table
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from benchmarks.trainability.arms import Arm
from benchmarks.trainability.run import ROWS
from benchmarks.trainability.spec import KINDS, Arch, is_held_out
from benchmarks.trainability.train import ARMS, reference, trains

TABLE = Path(__file__).with_name("table.csv")
# Adam at 1e-3: what somebody watches who trains once. `loss_50_one` is its loss after 50 steps.
COMMON_ARM = ARMS.index(Arm(optimiser="adam", rate=1e-3))
_TEXT = ("kind", "pattern", "norm", "activation", "place", "init", "family")
_SPEC = tuple(f.name for f in fields(Arch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns by name: numbers as float64 (NaN where not measured), words as strings."""

    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.columns["seed"])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @property
    def label(self) -> np.ndarray:
        """Whether each net trains."""
        return self["trains"] == 1.0

    @property
    def held_out(self) -> np.ndarray:
        """Whether each row's family is kept for the test."""
        return np.array([is_held_out(family) for family in self["family"]])

    def where(self, mask: np.ndarray) -> Table:
        """The rows of a mask."""
        return Table(columns={name: column[mask] for name, column in self.columns.items()})

    def arch(self, row: int) -> Arch:
        """The architecture of a row."""
        whole = ("seed", "depth", "width", "period", "num_skips", "window")
        values = {}
        for name in _SPEC:
            value = self[name][row]
            values[name] = int(value) if name in whole else value
            if name in ("gain", "scale", "density"):
                values[name] = float(value)
            elif name in _TEXT:
                values[name] = str(value)
        return Arch(**values)


def load(path: Path = TABLE) -> Table:
    """The table in a file."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Table(
        columns={
            name: np.array([row[name] for row in rows])
            if name in _TEXT
            else np.array([float(row[name]) if row[name] else math.nan for row in rows])
            for name in rows[0]
        }
    )


def pack(folder: Path, path: Path) -> int:
    """Write all rows of `run` as one table, in the order of their seeds; returns how many."""
    lines = [line for f in folder.glob("rows*.jsonl") for line in f.read_text().splitlines()]
    rows = sorted((json.loads(line) for line in lines), key=lambda row: row["seed"])
    shallow = _shallow(folder / "shallow.json")
    names: dict[str, None] = {}
    for row in rows:
        row["best_arm"] = int(np.argmax(row.pop("arm_accuracies")))
        row["loss_50_one"] = row.pop("arm_losses_50")[COMMON_ARM]
        row["shallow_accuracy"] = round(shallow[row["kind"]], 4)
        row["trains"] = int(trains(row["accuracy"], shallow[row["kind"]]))
        names |= dict.fromkeys(row)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_short(row.get(name)) for name in names] for row in rows])
    return len(rows)


def _shallow(path: Path) -> dict[str, float]:
    """The accuracies of the shallow nets, from the file or trained now."""
    if not path.exists():
        path.write_text(json.dumps({kind: reference(kind) for kind in KINDS}))
    return json.loads(path.read_text())


def _short(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else value


def main() -> None:
    """Pack the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROWS)
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    print(f"{pack(options.folder, options.table)} rows in {options.table}")


if __name__ == "__main__":
    main()
