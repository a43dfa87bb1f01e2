"""What the table says, as Markdown.

python -m benchmarks.trainability.report [--markdown docs/trainability.md]
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import numpy as np
from benchmarks.trainability.contenders import CONTENDERS, Contender
from benchmarks.trainability.fit import Model, cross_validated, fit, log_loss
from benchmarks.trainability.scores import (
    Array,
    Interval,
    auc,
    auc_interval,
    calibration_error,
    reliability,
    resamples,
)
from benchmarks.trainability.spec import KINDS, PATTERNS
from benchmarks.trainability.table import TABLE, Table, load
from benchmarks.trainability.train import ARMS, BATCH, NUM_STEPS, TRAINS_FROM
from benchmarks.trainability.verdict import FROZEN, QUANTITIES

# A share of the shallow net's accuracy so close to the threshold that another seed decides.
NEAR = 0.1

HEAD = """# Which networks train?

{rows} random architectures ({kinds}; {patterns} skips; depth {least} to {most}; three
norms in three places, four activations, gains, scales and initialisers), measured before training
and then trained on real images, the 8 x 8 digits of scikit-learn: {steps} steps of {batch} images
with {arms} combinations of optimiser and learning rate. A net **trains** if the best of them comes
to {share:.0%} of the training accuracy of a net of two layers of its kind; that was fixed before
anything was trained. {trained:.0%} train.

```console
$ python -m benchmarks.trainability.run --help     # trains: an hour on two cores
$ python -m benchmarks.trainability.table          # packs the rows
$ python -m benchmarks.trainability.report --markdown docs/trainability.md
```

A family is a kind with a pattern, a norm and an activation. {held} rows of {families} families are
held out by a rule that was written down before (`spec.is_held_out`): every net with long-range
skips, and a quarter of the other families. The verdict was fitted on the others alone, and its
quantities were chosen by leaving out families, kinds and patterns of those. Of a first choice the
result on the held-out rows was looked at, and it led to a better feature (`verdict.py` tells); so
rows from seed {frozen} on, which came later, are shown apart. {day}.
"""

SINGLE = """
## Each quantity alone

AUC: the chance that of two nets, one of which trains, the quantity names the right one. How it is
read (high, low, or near a middle) was decided on the fit families. Intervals are 95 % of a
bootstrap over families. Cost in forward+backwards of one batch of 64, the median over nets so small
that recording an operation costs more than running it; bold: plusone's; \\* needs labels.
"""

MODEL = """
## The verdict

A logistic model of {count} quantities, fitted on {rows} nets of the fit families:

| quantity | coefficient | meaning |
|---|---:|---|
"""


def main() -> None:
    """Print the report, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    text = "\n".join(report(load(options.table)))
    if options.markdown is None:
        print(text)
    else:
        options.markdown.write_text(text + "\n")


def report(table: Table) -> list[str]:
    """The lines of the report."""
    model = fit(table.where(~table.held_out), QUANTITIES)
    return [
        *_head(table),
        *_singles(table),
        *_verdict(table, model),
        *_reliability(table, model),
        *_wrong(table, model),
    ]


def _head(table: Table) -> list[str]:
    held = table.where(table.held_out)
    text = HEAD.format(
        rows=len(table),
        kinds=", ".join(KINDS),
        patterns=", ".join(p.replace("_", "-") for p in PATTERNS),
        least=int(table["depth"].min()),
        most=int(table["depth"].max()),
        steps=NUM_STEPS,
        batch=BATCH,
        arms=len(ARMS),
        share=TRAINS_FROM,
        trained=table.label.mean(),
        held=len(held),
        families=len(np.unique(held["family"])),
        frozen=FROZEN,
        day=date.today().isoformat(),
    )
    rows = ["| | rows | families | train |", "|---|---:|---:|---:|"]
    parts = {"fit": ~table.held_out, "held out": table.held_out}
    parts |= {kind: table["kind"] == kind for kind in KINDS}
    parts |= {pattern.replace("_", "-"): table["pattern"] == pattern for pattern in PATTERNS}
    for name, mask in parts.items():
        part = table.where(mask)
        families = len(np.unique(part["family"]))
        rows.append(f"| {name} | {len(part)} | {families} | {part.label.mean():.0%} |")
    return [text, *rows]


def _singles(table: Table) -> list[str]:
    lines = [
        SINGLE,
        "| quantity | read | AUC, fit families | AUC, held out | cost |",
        "|---|---|---:|---:|---:|",
    ]
    held = table.where(table.held_out)
    found = []
    for contender in CONTENDERS:
        score = contender.orientation(table).score(contender.value(table))
        fitted = auc(score[~table.held_out], table.label[~table.held_out])
        interval = auc_interval(score[table.held_out], held.label, families=held["family"])
        found.append((interval.value, _single(contender, table, fitted, interval)))
    return lines + [line for _, line in sorted(found, reverse=True)]


def _single(contender: Contender, table: Table, fitted: float, interval: Interval) -> str:
    name = f"**{contender.name}**" if contender.is_ours else contender.name
    cost = float(np.nanmedian(contender.cost(table)))
    words = contender.orientation(table).words
    return f"| {name} | {words} | {fitted:.3f} | {interval} | {cost:.1f} |"


def _verdict(table: Table, model: Model) -> list[str]:
    fitted, held = table.where(~table.held_out), table.where(table.held_out)
    lines = [MODEL.format(count=len(QUANTITIES), rows=len(fitted)).rstrip("\n")]
    for quantity, coefficient in zip(model.quantities, model.coefficients, strict=True):
        lines.append(f"| {quantity.name} | {coefficient:+.3f} | {quantity.meaning} |")
    lines.append(f"| (intercept) | {model.intercept:+.3f} | |")
    lines += [
        "",
        "| tested on | AUC | calibration error | log loss | right |",
        "|---|---:|---:|---:|---:|",
    ]
    tests = {
        "the fit itself": (fitted, model.probability(fitted)),
        "fit families, each left out once": (fitted, cross_validated(fitted, QUANTITIES)),
        "fit families, each kind left out once": (
            fitted,
            cross_validated(fitted, QUANTITIES, groups=("kind",)),
        ),
        "fit families, each pattern left out once": (
            fitted,
            cross_validated(fitted, QUANTITIES, groups=("pattern",)),
        ),
        "**held-out families**": (held, model.probability(held)),
    }
    is_long = held["pattern"] == "long_range"
    parts = {
        f"**never seen (seeds from {FROZEN} on)**": held["seed"] >= FROZEN,
        f"seeds below {FROZEN}": held["seed"] < FROZEN,
        "long-range skips": is_long,
        "other skips": ~is_long,
    }
    for name, mask in parts.items():
        part = held.where(mask)
        tests[f"of these, {name}"] = (part, model.probability(part))
    for name, (part, probability) in tests.items():
        lines.append(_tested(name, part, probability))
    lines += ["", *_against_watching(table, model)]
    return lines


def _tested(name: str, part: Table, probability: Array) -> str:
    interval = auc_interval(probability, part.label, families=part["family"])
    errors = [
        calibration_error(probability[rows], part.label[rows])
        for rows in resamples(part["family"], repeats=200)
    ]
    error = Interval(
        value=calibration_error(probability, part.label),
        low=float(np.quantile(errors, 0.025)),
        high=float(np.quantile(errors, 0.975)),
    )
    right = ((probability > 0.5) == part.label).mean()
    loss = log_loss(probability, part.label)
    return f"| {name} | {interval} | {error} | {loss:.3f} | {right:.1%} |"


def _against_watching(table: Table, model: Model) -> list[str]:
    """The difference of AUC to each competitor on the same resampled families."""
    held = table.where(table.held_out)
    ours = model.probability(held)
    draws = resamples(held["family"], repeats=1000)
    lines = [
        "The verdict's AUC on held-out families minus that of a competitor, resampled together:",
        "",
        "| competitor | difference |",
        "|---|---:|",
    ]
    for contender in CONTENDERS:
        if contender.is_ours:
            continue
        score = contender.orientation(table).score(contender.value(table))[table.held_out]
        gaps = [
            auc(ours[rows], held.label[rows]) - auc(score[rows], held.label[rows]) for rows in draws
        ]
        low, high = np.nanquantile(gaps, (0.025, 0.975))
        gap = auc(ours, held.label) - auc(score, held.label)
        lines.append(f"| {contender.name} | {gap:+.3f} ({low:+.3f} to {high:+.3f}) |")
    return lines


def _reliability(table: Table, model: Model) -> list[str]:
    held = table.where(table.held_out)
    lines = [
        "",
        "## Reliability on held-out families",
        "",
        "| nets | mean probability | share that trains |",
        "|---:|---:|---:|",
    ]
    for b in reliability(model.probability(held), held.label):
        lines.append(f"| {b.count} | {b.predicted:.3f} | {b.observed:.3f} |")
    return lines


def _wrong(table: Table, model: Model) -> list[str]:
    held = table.where(table.held_out)
    probability = model.probability(held)
    wrong = np.flatnonzero((probability > 0.5) != held.label)
    order = wrong[np.argsort(-np.abs(probability[wrong] - 0.5))]
    names = [q.name for q in model.quantities]
    lines = [
        "",
        f"## The {len(wrong)} wrong verdicts of {len(held)}",
        "",
        "`share` is the accuracy over that of the shallow net; a net trains from "
        f"{TRAINS_FROM} on. {_edge(held, wrong)}",
        "",
        "| seed | family | place | depth | gain | scale | share | probability | "
        + " | ".join(names)
        + " |",
        "|---" * 3 + "|---:" * (5 + len(names)) + "|",
    ]
    for row in order:
        arch = held.arch(row)
        share = held["accuracy"][row] / held["shallow_accuracy"][row]
        values = [q.read(held)[row] for q in model.quantities]
        lines.append(
            f"| {arch.seed} | {arch.family} | {arch.place} | {arch.depth} | {arch.gain:.3g} "
            f"| {arch.scale:.3g} | {share:.2f} | {probability[row]:.2f} | "
            + " | ".join(f"{v:.2f}" for v in values)
            + " |"
        )
    return lines


def _edge(held: Table, wrong: Array) -> str:
    """How many of the errors are close calls, and where the others are."""
    share = held["accuracy"] / held["shallow_accuracy"]
    near = np.abs(share - TRAINS_FROM) < NEAR
    far = [row for row in wrong if not near[row]]
    kinds, counts = np.unique(held["kind"][far], return_counts=True)
    where = ", ".join(f"{count} {kind}" for kind, count in zip(kinds, counts, strict=True))
    return (
        f"{len(wrong) - len(far)} of the {len(wrong)} are within {NEAR} of that "
        f"({near.mean():.0%} of all nets are); the others: {where or 'none'}."
    )


if __name__ == "__main__":
    main()
