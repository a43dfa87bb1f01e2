"""Scans, repairs and trains each case with three seeds: `python -m benchmarks.repair.run --help`.

A row is a case, a seed and an arm. "before": the scan's verdict on the model as it was built, and
its training. "after": what `plusone.fix` plans for the same model with the same first batch, the
scan of what it makes, and that one's training from the same random state on the same batches; a
healthy model for which nothing is planned is not trained again. Rows that are there are not made
again, so that a run can be cut off at any time; two processes halve the time:

    for k in 0 1; do OMP_NUM_THREADS=1 python -m benchmarks.repair.run --worker $k --of 2 & done

`--before` needs no `plusone.fix`; `--rescan` makes the verdicts of these rows anew, after a change
of the scan, and trains nothing; `--replan` plans the repairs again after a change of `plusone.fix`
and drops the rows whose plans are others. Trainings run with denormal numbers flushed to zero.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from benchmarks.repair.cases import CASES, Case
from benchmarks.repair.train import first_batch, train
from torch import nn

import plusone

if TYPE_CHECKING:
    from plusone.fix.repair import Fix

ROWS = Path(__file__).parent / "rows.jsonl"
SEEDS = (0, 1, 2)
ARMS = ("before", "after")
_PLAN = 4000  # characters that are kept

Row = dict[str, object]


def built(case: Case, seed: int) -> nn.Module:
    """The model with the weights of its seed."""
    torch.manual_seed(seed)
    return case.build()


def before(case: Case, seed: int) -> Row:
    """The verdict on the model as it is, and its training."""
    model = built(case, seed)
    return scanned(model, case, seed) | trained(model, case, seed)


def after(case: Case, seed: int) -> Row:
    """What is planned for the same model, and the verdict and training of what comes of it."""
    start = time.perf_counter()
    fix = planned(case, seed)
    num_edits = len(fix.plan.edits)
    row: Row = {"num_edits": num_edits, "plan": str(fix.plan)[:_PLAN]}
    if num_edits:
        repaired = fix.apply()
        row["seconds_fix"] = round(time.perf_counter() - start, 1)
        row |= scanned(repaired, case, seed) | trained(repaired, case, seed)
    return row


def planned(case: Case, seed: int) -> Fix:
    """The repair that is proposed for the model and its first batch."""
    batch = first_batch(case.recipe, seed)
    loss = case.recipe.task().loss
    return plusone.fix(built(case, seed), batch.inputs, targets=batch.targets, loss_fn=loss)


def scanned(model: nn.Module, case: Case, seed: int) -> Row:
    """Verdict and codes of a scan of the first batch."""
    batch = first_batch(case.recipe, seed)
    start = time.perf_counter()
    report = plusone.scan(model, batch.inputs, batch.targets, case.recipe.task().loss)
    verdict = report.data.verdict
    return {
        "verdict": verdict.label if verdict else "none",
        "probability": round(verdict.probability, 4) if verdict else None,
        "codes": sorted({finding.code for finding in report.data.findings}),
        "seconds_scan": round(time.perf_counter() - start, 1),
    }


def trained(model: nn.Module, case: Case, seed: int) -> Row:
    """Loss and score of a copy after training; nothing where the recipe has no steps."""
    if not case.recipe.steps:
        return {}
    torch.set_flush_denormal(True)
    result = train(copy.deepcopy(model), case.recipe, seed)
    torch.set_flush_denormal(False)
    return {
        "loss": round(result.loss, 4) if math.isfinite(result.loss) else None,
        "score": round(result.score, 4),
        "trains": result.trains,
        "seconds_training": round(result.seconds, 1),
    }


def replan(path: Path) -> None:
    """Plan again for the rows after a repair, and drop those whose plan is another one now."""
    kept = []
    for row in rows_in(path):
        if row["arm"] == "after" and row.get("num_edits"):
            case, seed = CASES[str(row["case"])], int(str(row["seed"]))
            fix = planned(case, seed)
            if str(fix.plan)[:_PLAN] != row["plan"]:
                print("another plan:", case.name, seed, len(fix.plan.edits), flush=True)
                continue
            row |= scanned(fix.apply(), case, seed)
        kept.append(row)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in kept))


def rescan(path: Path) -> None:
    """Replace the verdicts of the rows of models as they were built."""
    rows = rows_in(path)
    for row in rows:
        case = CASES[str(row["case"])]
        if row["arm"] == "before" and "error" not in row:
            seed = int(str(row["seed"]))
            row |= scanned(built(case, seed), case, seed)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def rows_in(path: Path) -> list[Row]:
    """The rows that have been made."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def make(case: Case, seed: int, arm: str) -> Row:
    """One row; an exception of scan, repair or training is its `error`."""
    row: Row = {"case": case.name, "seed": seed, "arm": arm}
    try:
        return row | (before if arm == "before" else after)(case, seed)
    except Exception as error:
        return row | {"error": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", action="store_true", help="without plusone.fix")
    parser.add_argument("--rescan", action="store_true", help="the verdicts of the rows there are")
    parser.add_argument("--replan", action="store_true", help="drop repairs that changed")
    parser.add_argument("--case", action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", action="append", type=int, help="only this one; may be repeated")
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--pause", type=Path, help="wait while this file exists")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.rescan:
        rescan(options.rows)
        return
    if options.replan:
        replan(options.rows)
        return
    if not options.before and not hasattr(plusone, "fix"):
        raise SystemExit("this plusone has no fix: --before makes the rows without it")
    arms = ARMS[:1] if options.before else ARMS
    wanted = [
        (case, seed, arm)
        for seed in options.seed or SEEDS
        for arm in arms
        for case in CASES.values()
        if not options.case or case.name in options.case
    ]
    for number, (case, seed, arm) in enumerate(wanted):
        if number % options.of != options.worker:
            continue
        if (case.name, seed, arm) in {
            (r["case"], r["seed"], r["arm"]) for r in rows_in(options.rows)
        }:
            continue
        while options.pause is not None and options.pause.exists():
            time.sleep(2.0)
        row = make(case, seed, arm)
        with options.rows.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print({k: v for k, v in row.items() if k != "plan"}, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
