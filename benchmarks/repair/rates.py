"""Trains broken networks with other learning rates: does the rate alone repair them?

python -m benchmarks.repair.rates [--worker 0 --of 2]

One seed, the steps of the recipe, its rate times each factor. Rows that are there are not made
again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from benchmarks.repair.cases import CASES
from benchmarks.repair.run import built, rows_in, trained

RATES = Path(__file__).parent / "rates.jsonl"
FACTORS = (0.03, 0.1, 0.3, 3.0)
SEED = 0


def main() -> None:
    """Make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    options = parser.parse_args()
    torch.set_num_threads(1)
    wanted = [(c, factor) for c in CASES.values() if c.is_broken for factor in FACTORS]
    for number, (case, factor) in enumerate(wanted):
        made = {(row["case"], row["factor"]) for row in rows_in(RATES)}
        if number % options.of != options.worker or (case.name, factor) in made:
            continue
        while options.pause is not None and options.pause.exists():
            time.sleep(2.0)
        rated = replace(case, recipe=replace(case.recipe, rate=factor * case.recipe.rate))
        row = {"case": case.name, "factor": factor, **trained(built(case, SEED), rated, SEED)}
        with RATES.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)


if __name__ == "__main__":
    main()
