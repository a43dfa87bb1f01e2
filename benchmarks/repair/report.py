"""What the rows say, as Markdown.

python -m benchmarks.repair.report [--markdown docs/repair.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import torch
from benchmarks.repair.cases import CASES, Case
from benchmarks.repair.rates import FACTORS, RATES
from benchmarks.repair.run import ROWS, SEEDS, Row, rows_in

FIRST = ROWS.with_name("rows_without_trial.jsonl")

HEAD = """# Broken networks, repaired

{broken} networks that do not train, written as users write them with plain torch, and {healthy}
healthy ones, on real data. Each broken one has a healthy twin on the same task, trained with the
same optimiser, rate and number of steps. A network **trains** if at the end of this budget its
score on data that were held out is at the task's level or above. Budgets and levels were written
down before any broken network was trained (`benchmarks/repair/cases.py` tells what was changed
after that, and why), and the networks were written without knowledge of how `plusone.fix` works.
{day}, torch {torch}, one thread.

```console
$ python -m benchmarks.repair.run             # an hour; --before: without plusone.fix
$ python -m benchmarks.repair.rates           # broken networks with other learning rates
$ python -m benchmarks.repair.report --markdown docs/repair.md
```

The verdict is that of `plusone.scan` on the first batch of the training, which is also all that
`plusone.fix` is given. Scores are those of seeds {seeds}.
"""

TASKS = """
## Tasks

| task | metric | score without looking at the input | level | optimiser | steps |
|---|---|---:|---:|---|---:|
"""

TABLE_BEFORE = """
## Broken networks as they are

| network | fault | task | verdict | findings | score | twin's score | trains |
|---|---|---|---|---|---|---|---:|
"""

TABLE_RATES = """
## Broken networks with other learning rates

Is it only the rate? Scores of seed 0, with the same number of steps, for those that were run.

| network | {rates} | trains with |
|---|{rule}---:|
"""

TABLE_AFTER = """
## Repaired

`edits` are those of the plan; `trains` counts seeds, of those that were run. Where no edit is
planned, the network stays as it is and does not train. Three rules of `plusone.fix` were changed
after earlier runs on these networks had failed: a long plain run with a fair scan has to pass a
trial (plain net of 74 convolutions), layers that only widen are skipped by the identity and not by
projections (ViT without skips), and a repair need be three and not four times as fast where the
scan gives less than 5 % (ResNet of 60 blocks without norm, seed 2).

| network | edits | verdict before | after | score before | after | trains before | after |
|---|---|---|---|---|---|---:|---:|
"""

TABLE_FIRST = """
## Without the trial

The first version of `plusone.fix` (08bc774) had no short trial that has to confirm that the
original fails. Its results for seed {seed} alone, from `rows_without_trial.jsonl`: of {num_broken}
broken networks {trains} train, and of {num_healthy} healthy ones {edited} get edits.

| network | edits | score before | after | trains |
|---|---:|---:|---:|---|
"""

TABLE_HEALTHY = """
## Healthy networks

Nothing is to be edited here. A verdict other than trainable is an error of the verdict.

| network | task | verdict | findings | score | trains | edits |
|---|---|---|---|---|---:|---|
"""


class Rows:
    """The rows, by case and arm in the order of seeds."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._found = {(r["case"], r["arm"], r["seed"]): r for r in rows}

    def of(self, case: str, arm: str) -> list[Row]:
        """Those that have been made."""
        keys = ((case, arm, seed) for seed in SEEDS)
        return [self._found[key] for key in keys if key in self._found]

    def has(self, arm: str) -> bool:
        """Whether there is any row of this arm."""
        return any(key[1] == arm for key in self._found)


def main() -> None:
    """Print the report, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    text = report(Rows(rows_in(options.rows)), rows_in(RATES))
    if options.markdown is None:
        print(text)
    else:
        options.markdown.write_text(text)


def report(rows: Rows, rates: list[Row]) -> str:
    """The whole page; `rates` are the rows of `rates.py`."""
    broken = [case for case in CASES.values() if case.is_broken]
    healthy = [case for case in CASES.values() if not case.is_broken]
    head = HEAD.format(
        broken=len(broken),
        healthy=len(healthy),
        day=date.today().isoformat(),
        torch=torch.__version__,
        seeds=", ".join(map(str, SEEDS)),
    )
    parts = [head, *_summary(rows, broken, healthy)]
    parts.append(TASKS + "".join(_task_lines()))
    parts.append(TABLE_BEFORE + "".join(_line_before(rows, case) for case in broken))
    parts += _rates(broken, rates)
    if rows.has("after"):
        parts.append(TABLE_AFTER + "".join(_line_after(rows, case) for case in broken))
    parts += _without_trial(rows)
    parts.append(TABLE_HEALTHY + "".join(_line_healthy(rows, case) for case in healthy))
    return "".join(parts) + "".join(_errors(rows))


def _summary(rows: Rows, broken: list[Case], healthy: list[Case]) -> list[str]:
    bad = [row for case in broken for row in rows.of(case.name, "before")]
    good = [row for case in healthy for row in rows.of(case.name, "before")]
    trained = [row for row in good if "trains" in row]
    lines = [
        f"Of {len(bad)} broken networks (with seeds), {_count(bad, 'trains')} train and "
        f"{sum(_is_refused(row) for row in bad)} are called something other than trainable, "
        f"{sum(bool(row.get('codes')) for row in bad)} with a finding. Of {len(trained)} healthy "
        f"ones that were trained, {_count(trained, 'trains')} train; of all {len(good)}, "
        f"{sum(_is_refused(row) for row in good)} are called something other than trainable."
    ]
    after = [row for case in broken for row in rows.of(case.name, "after")]
    if after:
        whole = sum(_count(rows.of(case.name, "after"), "trains") == len(SEEDS) for case in broken)
        controls = [row for case in healthy for row in rows.of(case.name, "after")]
        edited = sum(bool(row.get("num_edits")) for row in controls)
        failed = sum("error" in row for row in (*after, *controls))
        lines.append(
            f" **Repaired: {_count(after, 'trains')} of {len(after)} train, {whole} of "
            f"{len(broken)} networks with every seed. Of {len(controls)} healthy ones {edited} get "
            f"an edit.** {failed} repairs ended in an error."
        )
    return ["\n", "".join(lines), "\n"]


def _count(rows: list[Row], key: str) -> int:
    return sum(bool(row.get(key)) for row in rows)


def _is_refused(row: Row) -> bool:
    return row.get("verdict") not in ("trainable", None)


def _task_lines() -> list[str]:
    recipes = dict.fromkeys(case.recipe for case in CASES.values() if case.recipe.steps)
    lines = []
    for recipe in recipes:
        task = recipe.task()
        decay = f", weight decay {recipe.weight_decay:g}" if recipe.weight_decay else ""
        lines.append(
            f"| {task.name} | {task.metric} | {task.trivial:.2f} | {task.level:g} | "
            f"{recipe.optimiser}, {recipe.rate:g}{decay} | {recipe.steps} |\n"
        )
    return lines


def _line_before(rows: Rows, case: Case) -> str:
    before, twin = rows.of(case.name, "before"), rows.of(case.twin, "before")
    return (
        f"| {case.name} | {case.fault} | {case.recipe.task().name} | {_verdicts(before)} | "
        f"{_codes(before)} | {_scores(before)} | {_scores(twin)} | {_trains(before)} |\n"
    )


def _rates(broken: list[Case], rows: list[Row]) -> list[str]:
    if not rows:
        return []
    words = (f"rate times {factor:g}" for factor in FACTORS)
    lines = [TABLE_RATES.format(rates=" | ".join(words), rule="---:|" * len(FACTORS))]
    for case in broken:
        own = {row["factor"]: row for row in rows if row["case"] == case.name}
        if not own:
            continue
        scores = [_score(own[factor]) if factor in own else "" for factor in FACTORS]
        num_trained = _count(list(own.values()), "trains")
        lines.append(f"| {case.name} | {' | '.join(scores)} | {num_trained} / {len(own)} |\n")
    return lines


def _without_trial(rows: Rows) -> list[str]:
    found = rows_in(FIRST)
    if not found:
        return []
    broken = [row for row in found if CASES[str(row["case"])].is_broken]
    healthy = [row for row in found if row not in broken]
    edited = [row for row in healthy if row["num_edits"]]
    lines = [
        TABLE_FIRST.format(
            seed=SEEDS[0],
            num_broken=len(broken),
            trains=_count(broken, "trains"),
            num_healthy=len(healthy),
            edited=len(edited),
        )
    ]
    for row in (*broken, *edited):
        name = str(row["case"])
        kind = "" if row in broken else " (healthy)"
        before = rows.of(name, "before")[:1]
        lines.append(
            f"| {name}{kind} | {row['num_edits']} | {_scores(before)} | {_score(row)} | "
            f"{'yes' if row.get('trains') else 'no'} |\n"
        )
    return lines


def _line_after(rows: Rows, case: Case) -> str:
    before, after = rows.of(case.name, "before"), rows.of(case.name, "after")
    return (
        f"| {case.name} | {_edits(after)} | {_verdicts(before)} | {_verdicts(after)} | "
        f"{_scores(before)} | {_scores(after)} | {_trains(before)} | {_trains(after)} |\n"
    )


def _line_healthy(rows: Rows, case: Case) -> str:
    before, after = rows.of(case.name, "before"), rows.of(case.name, "after")
    is_trained = bool(case.recipe.steps)
    return (
        f"| {case.name} | {case.recipe.task().name} | {_verdicts(before)} | {_codes(before)} | "
        f"{_scores(before) if is_trained else 'not trained here'} | "
        f"{_trains(before) if is_trained else ''} | {_edits(after)} |\n"
    )


def _verdicts(rows: list[Row]) -> str:
    """Each label once, with the mean probability of training."""
    rows = [row for row in rows if row.get("num_edits") != 0]
    labels = list(dict.fromkeys(str(row.get("verdict", "error")) for row in rows))
    known = [float(str(p)) for row in rows if (p := row.get("probability")) is not None]
    mean = f" ({sum(known) / len(known):.2f})" if known else ""
    return f"{', '.join(labels)}{mean}" if rows else ""


def _codes(rows: list[Row]) -> str:
    found = [codes for row in rows if isinstance(codes := row.get("codes"), list)]
    return ", ".join(sorted({code for codes in found for code in codes}))


def _scores(rows: list[Row]) -> str:
    """One a seed; a dash where a repair planned nothing or failed."""
    return ", ".join(_score(row) for row in rows)


def _score(row: Row) -> str:
    if row.get("score") is None:
        return "-"
    return f"{float(str(row['score'])):.2f}" + ("" if row.get("loss") is not None else " (nan)")


def _trains(rows: list[Row]) -> str:
    return f"{_count(rows, 'trains')} / {len(rows)}" if rows else ""


def _edits(rows: list[Row]) -> str:
    """The number for all seeds, or one a seed."""
    found = ["error" if "error" in row else str(row.get("num_edits", "")) for row in rows]
    return found[0] if len(set(found)) == 1 else ", ".join(found)


def _errors(rows: Rows) -> list[str]:
    lines = []
    for case in CASES.values():
        for arm in ("before", "after"):
            words = {str(row["error"]) for row in rows.of(case.name, arm) if "error" in row}
            lines += [f"- {case.name}, {arm}: `{' '.join(word.split())}`\n" for word in words]
    return ["\n## Errors\n\n", *lines] if lines else []


if __name__ == "__main__":
    main()
