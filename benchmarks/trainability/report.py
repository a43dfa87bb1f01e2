"""What the table says, as Markdown.

python -m benchmarks.trainability.report [--markdown docs/trainability.md]
"""

from __future__ import annotations

import argparse
import csv
import math
from datetime import date
from pathlib import Path

import numpy as np
from benchmarks.trainability.contenders import CONTENDERS, Contender
from benchmarks.trainability.cost import COST
from benchmarks.trainability.fit import Model, cross_validated, fit, log_loss
from benchmarks.trainability.plot import plot
from benchmarks.trainability.scanned import BATCHES
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
from benchmarks.trainability.verdict import FROZEN, QUANTITIES, REFERENCE, joined

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "reliability.svg"
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
$ python -m benchmarks.trainability.scanned        # what plusone.scan says of each: 5 minutes
$ python -m benchmarks.trainability.cost           # on models of a usual size: 5 minutes
$ python -m benchmarks.trainability.report --markdown docs/trainability.md
```

A family is a kind with a pattern, a norm and an activation. {held} rows of {families} families are
held out by a rule that was written down before (`spec.is_held_out`): every net with long-range
skips, and a quarter of the other families. The verdict was fitted on the others alone, and its
quantities were chosen by leaving out families, kinds and patterns of those. Of two earlier choices
the result on held-out rows was looked at (`verdict.py` tells); rows from seed {frozen} on, which
came later than the first, are shown apart. {day}.

The verdict is that of `plusone.scan(net, batch, quick=True)`, as a user gets it, with the
coefficients in `plusone/judge/calibration.py`; it needs a batch of 16 samples. Watching the
training itself is better where it is watched for long: 50 steps of all 8 arms, 400
forward+backwards, reach an AUC of {watched:.3f}. 50 steps of one Adam run reach {watched_one:.3f},
less than the verdict before any training. Small convolutional nets are its weakest part.
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

A logistic model of {count} quantities, fitted on {rows} nets of the fit families with batches of
64, and at most even where G201, G202, A301 or A304 fire. Resampling raises a calibration error; its
intervals are basic ones, which turn that round and may lie below the value:

| quantity | coefficient | meaning |
|---|---:|---|
"""

# Measured by a benchmark of its own.
AUTOENCODERS = """
## Autoencoders

Of another generator, whose nets give back their input through a code of 4 to 16 numbers, 60 random
ones, half of them variational; 63 % train. (Codes of 2 are judged too harshly, also where they do.)
`python -m benchmarks.trainability.autoencoders`, 6 minutes, 2026-11-27:

| | nets | the verdict is right | AUC | with the noise of the latent |
|---|---:|---:|---:|---:|
| all | 60 | 85 % | 0.955 | 0.888 |
| variational | 33 | 79 % | 0.921 | 0.813 |
| plain | 27 | 93 % | 0.988 | |

A variational latent adds noise that at the start hides how its samples lie to each other. So
collapse and geometry are measured with that noise at zero (`probe/noiseless.py`); the last column
is the AUC without that.
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
    table = joined(table)
    model = fit(table.where(~table.held_out), QUANTITIES)
    return [
        *_head(table),
        *_verdict(table, model),
        *_reliability(table),
        AUTOENCODERS.rstrip("\n"),
        *_costs(table),
        *_singles(table),
        *_wrong(table),
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
        watched=_held_out_auc(table, "accuracy after 50 steps of all 8 arms"),
        watched_one=_held_out_auc(table, "loss after 50 steps of Adam"),
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


def _held_out_auc(table: Table, name: str) -> float:
    contender = next(c for c in CONTENDERS if c.name == name)
    score = contender.orientation(table).score(contender.value(table))
    return auc(score[table.held_out], table.label[table.held_out])


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
    tests = {"the fit itself": (fitted, fitted["probability"])}
    for group in ("family", "kind", "pattern"):
        name = f"fit families, each {group} left out once, without limits".replace(
            "each family", "each"
        )
        tests[name] = (fitted, cross_validated(fitted, QUANTITIES, groups=(group,)))
    tests["**held-out families**"] = (held, held["probability"])
    is_long = held["pattern"] == "long_range"
    parts = {
        f"seeds from {FROZEN} on": held["seed"] >= FROZEN,
        f"seeds below {FROZEN}": held["seed"] < FROZEN,
        "long-range skips": is_long,
        "other skips": ~is_long,
    }
    parts |= {kind: held["kind"] == kind for kind in KINDS}
    for name, mask in parts.items():
        part = held.where(mask)
        tests[f"of these, {name}"] = (part, part["probability"])
    for batch in BATCHES:
        if batch != REFERENCE:
            part = joined(table, batch).where(table.held_out)
            tests[f"**held-out families, scanned with {batch} samples**"] = (
                part,
                part["probability"],
            )
    for name, (part, probability) in tests.items():
        lines.append(_tested(name, part, probability))
    lines += ["", *_against_watching(table)]
    return lines


def _tested(name: str, part: Table, probability: Array) -> str:
    interval = auc_interval(probability, part.label, families=part["family"])
    errors = [
        calibration_error(probability[rows], part.label[rows])
        for rows in resamples(part["family"], repeats=200)
    ]
    whole = calibration_error(probability, part.label)
    error = Interval(
        value=whole,
        # Resampled rows are less even than rows: a basic interval turns that bias round.
        low=max(2 * whole - float(np.quantile(errors, 0.975)), 0.0),
        high=max(2 * whole - float(np.quantile(errors, 0.025)), 0.0),
    )
    right = ((probability > 0.5) == part.label).mean()
    loss = log_loss(probability, part.label)
    return f"| {name} | {interval} | {error} | {loss:.3f} | {right:.1%} |"


def _against_watching(table: Table) -> list[str]:
    """The difference of AUC to each competitor on the same resampled families."""
    held = table.where(table.held_out)
    ours = held["probability"]
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


def _reliability(table: Table) -> list[str]:
    held = table.where(table.held_out)
    bins = reliability(held["probability"], held.label)
    PICTURE.write_text(plot(bins) + "\n")
    lines = [
        "",
        "## Reliability on held-out families",
        "",
        "![Share that trains against mean probability, ten bins of equal size](reliability.svg)",
        "",
        "| nets | mean probability | share that trains |",
        "|---:|---:|---:|",
    ]
    for b in bins:
        lines.append(f"| {b.count} | {b.predicted:.3f} | {b.observed:.3f} |")
    return lines


def _costs(table: Table) -> list[str]:
    """The cost on models of a usual size, and the median over the nets of the table."""
    with COST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    models = list(dict.fromkeys(row["model"] for row in rows))
    names = [n for n in dict.fromkeys(row["what"] for row in rows) if n != "forward+backward"]
    ratio = {(row["what"], row["model"]): float(row["ratio"]) for row in rows}
    own = np.nanmedian(table["seconds_scan"] / table["forward_backward"])
    lines = [
        "",
        "## Cost",
        "",
        "In forward+backwards of the same model on the same batch, of 16 samples; side by side in "
        "one process. In the nets of this table, of 10 to 48 units, recording an operation costs "
        f"more than running it: there the median over all is {own:.1f} with 64 samples.",
        "",
        "| | " + " | ".join(models) + " |",
        "|---|" + "---:|" * len(models),
    ]
    for name in names:
        cells = (ratio.get((name, m), math.nan) for m in models)
        shown = ("-" if math.isnan(c) else f"{c:.2f}" for c in cells)
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    steps = " | ".join("50" for _ in models)
    return [*lines, f"| 50 steps of one Adam run | {steps} |"]


def _wrong(table: Table) -> list[str]:
    held = table.where(table.held_out)
    probability = held["probability"]
    wrong = np.flatnonzero((probability > 0.5) != held.label)
    order = wrong[np.argsort(-np.abs(probability[wrong] - 0.5))]
    names = [q.name for q in QUANTITIES]
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
        values = [q.read(held)[row] for q in QUANTITIES]
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
        f"({near.mean():.0%} of all held out are); the others: {where or 'none'}."
    )


if __name__ == "__main__":
    main()
