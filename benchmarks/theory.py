"""Closed forms against random nets: `python benchmarks/theory.py --markdown docs/prediction.md`.

Each row is a setting; for each some tens to thousands of real torch nets are drawn (seeds over
nets, several inputs and cotangents in each), and the standard error is over nets. One thread.
`--speed` prints only how many predictions a second come, `--only TEXT` the rows that hold a text.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# In place of this folder, where `theory` would be this file.
sys.path[0] = str(ROOT / "tests")

import numpy as np  # noqa: E402
import torch  # noqa: E402

from plusone.theory import correlation_profile, predict  # noqa: E402
from theory.random_nets import (  # noqa: E402
    Estimate,
    Net,
    log_gaps,
    log_ratios,
    mean_log,
    second_moment,
)

CHANCE = 3.0
# A relative variance of R over nets above this, and the mean of a sample misses what makes it.
RARE = 4.0
HEAD = """# Prediction: closed forms against random nets

`plusone.theory.predict` gives the gradient at the input of a stack of blocks before there is a
model. This table puts it beside real random nets. {date}, torch {torch}, one thread:

```console
$ python benchmarks/theory.py --markdown docs/prediction.md    # {minutes:.0f} minutes
```

R is |gradient at the input|² / |gradient at the output|² of the stream. A block is
x ← s x + α F(x), s being 1 with probability *density*, F(x) = W φ(N(x)) with weights of variance
gain · c / fan-in, c = 1 for linear and tanh, 2 for ReLU and GELU. *Nets* is how many were drawn;
each has several inputs and cotangents, and ± is the standard error over nets. *Off* is measured
over predicted minus 1 for E R, and measured minus predicted for E ln R. z is the gap in standard
errors. Each row where |z| exceeds 3 says why in its last column.

{summary}
"""
NOTES = {
    "rare": "rare nets dominate the mean; E ln R holds",
    "width": "finite width: an error of order depth/n, smaller in the wider row",
    "batch": "finite batch: beyond the order 1/N that is kept (and N/n)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row: what is drawn, how many nets, and why it may break."""

    options: dict[str, Any]
    num_nets: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row's numbers; `theory` is ln E R and E ln R."""

    setting: Setting
    theory: tuple[float, float]
    moment: Estimate
    log: Estimate
    is_rare: bool

    @property
    def deviations(self) -> tuple[float, float]:
        return self.moment.deviations(math.exp(self.theory[0])), self.log.deviations(self.theory[1])

    @property
    def holds(self) -> bool:
        return max(map(abs, self.deviations)) <= CHANCE

    @property
    def note(self) -> str:
        """Why a row is off, or what its mean is worth."""
        if self.is_rare:
            return NOTES["rare"]
        return "" if self.holds else NOTES.get(self.setting.reason, "off, and no reason known")


def settings() -> Iterator[Setting]:
    """All rows: no norm first, then layer and batch norm, pre and post."""
    yield from _exact()
    yield from _curved()
    yield from _layer()
    yield from _batch()


def _exact() -> Iterator[Setting]:
    """Linear and ReLU without norm, where corrections for the width are known."""
    for activation in ("linear", "relu"):
        for depth, density, gain, width, num_nets in (
            (10, 1.0, 1.0, 128, 600),
            (30, 1.0, 0.1, 64, 1000),
            (100, 1.0, 0.02, 64, 600),
            (20, 0.0, 1.0, 128, 800),
            (50, 0.0, 1.0, 256, 120),
            (12, 0.7, 0.49, 64, 4000),
            (12, 0.3, 0.8, 128, 1500),
            (40, 0.9, 0.1, 64, 1500),
            (60, 0.5, 0.6, 64, 1000),
        ):
            options = {"depth": depth, "density": density, "gain": gain, "width": width}
            yield Setting(options={**options, "activation": activation}, num_nets=num_nets)
        for scale in ("1/sqrt(L)", "1/L"):
            options = {"depth": 60, "density": 1.0, "scale": scale, "width": 64}
            yield Setting(options={**options, "activation": activation}, num_nets=800)
        pattern = tuple([1, 1, 0, 1] * 6)
        options = {"pattern": pattern, "gain": 0.3, "width": 64, "activation": activation}
        yield Setting(options=options, num_nets=1000)


def _curved() -> Iterator[Setting]:
    """tanh and GELU without norm: the recursion of q and chi."""
    for activation in ("tanh", "gelu"):
        for depth, density, gain in (
            (20, 1.0, 0.1),
            (10, 1.0, 1.0),
            (16, 0.7, 0.5),
            (30, 1.0, 0.3),
        ):
            options = {"depth": depth, "density": density, "gain": gain, "width": 512}
            yield Setting(
                options={**options, "activation": activation}, num_nets=60, reason="width"
            )
    for width, num_nets in ((256, 60), (1024, 16)):
        options = {"depth": 60, "density": 0.0, "gain": 4.0, "width": width, "activation": "tanh"}
        yield Setting(options=options, num_nets=num_nets, reason="width")
        options = {"depth": 10, "density": 0.0, "width": width, "activation": "gelu"}
        yield Setting(options=options, num_nets=8 * num_nets, reason="width")
    options = {"depth": 40, "density": 1.0, "scale": "1/sqrt(L)", "width": 512}
    yield Setting(options={**options, "activation": "gelu"}, num_nets=40, reason="width")


def _layer() -> Iterator[Setting]:
    for placement in ("pre", "post"):
        for activation in ("linear", "relu", "tanh", "gelu"):
            for depth, density, scale in ((12, 1.0, 1.0), (24, 1.0, 0.3), (12, 0.8, 1.0)):
                options = {"depth": depth, "density": density, "scale": scale, "norm": "layer"}
                options |= {"placement": placement, "activation": activation, "width": 768}
                yield Setting(options=options, num_nets=24, reason="width")


def _batch() -> Iterator[Setting]:
    for placement in ("pre", "post"):
        for activation in ("linear", "relu", "tanh", "gelu"):
            for depth, density, batch in ((12, 1.0, 32), (12, 0.0, 16), (16, 0.8, 32)):
                options = {"depth": depth, "density": density, "batch": batch, "norm": "batch"}
                options |= {"placement": placement, "activation": activation, "width": 512}
                yield Setting(options=options, num_nets=60, reason="batch")


def measured(setting: Setting, seed: int) -> Row:
    """Draws the nets of a row, from a seed of its own, and predicts it."""
    drawn = {"batch": 8, **setting.options}
    asked = dict(setting.options)
    if "pattern" in drawn:
        drawn["depth"] = len(drawn["pattern"])
    logs = log_ratios(Net(**drawn), num_nets=setting.num_nets, seed=seed)
    found = predict(**asked)
    theory = float(found.log_second_moment), 2 * float(found.mean_log_norm)
    # Were ln R Gaussian, R's relative variance over nets would be this of its spread.
    spread = 2 * (theory[0] - theory[1])
    return Row(
        setting=setting,
        theory=theory,
        moment=second_moment(logs),
        log=mean_log(logs),
        is_rare=spread > RARE,
    )


def gap_rows() -> Iterator[str]:
    """ln(1 - c) of two inputs at correlation 0.3: theory and nets."""
    yield "| block | depth | density | gain | width | theory | nets | z |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for options in (
        {"depth": 30, "density": 1.0, "gain": 0.1, "activation": "relu"},
        {"depth": 10, "density": 0.0, "activation": "relu"},
        {"depth": 12, "density": 0.7, "gain": 0.5, "activation": "relu"},
        {"depth": 20, "density": 1.0, "gain": 0.3, "activation": "tanh"},
        {"depth": 20, "density": 1.0, "gain": 0.1, "activation": "gelu"},
        {"depth": 20, "density": 1.0, "activation": "relu", "norm": "layer"},
        {"depth": 20, "density": 1.0, "activation": "gelu", "norm": "layer"},
    ):
        drawn = {**options, "width": 1024, "batch": 8}
        logs = log_gaps(Net(**drawn), 0.3, num_nets=24, seed=1)
        found = correlation_profile(predict(**options).setting, correlation=0.3)
        estimate = mean_log(logs)
        error = math.hypot(estimate.stderr, float(found.stderr[-1]))
        theory = float(found.log_gap[-1])
        z = (estimate.mean - theory) / error
        name = _block(options)
        yield (
            f"| {name} | {options['depth']} | {options['density']:g} | {options.get('gain', 1):g} "
            f"| 1024 | {theory:.4f} | {estimate.mean:.4f} ± {error:.4f} | {z:+.1f} |"
        )


def _block(options: dict[str, Any]) -> str:
    norm = options.get("norm", "none")
    if norm == "none":
        return str(options["activation"])
    return f"{options['activation']}, {options.get('placement', 'pre')} {norm} norm"


def line(row: Row) -> str:
    """A row of the table."""
    options = row.setting.options
    density = "110111…" if "pattern" in options else f"{options['density']:g}"
    depth = len(options["pattern"]) if "pattern" in options else options["depth"]
    scale = options.get("scale", 1.0)
    width = f"{options['width']}" + (f", N={options['batch']}" if "batch" in options else "")
    moment, log = math.exp(row.theory[0]), row.theory[1]
    z_moment, z_log = row.deviations
    cells = (
        _block(options),
        f"{depth}",
        density,
        f"{options.get('gain', 1.0):g}",
        scale if isinstance(scale, str) else f"{scale:g}",
        width,
        f"{row.setting.num_nets}",
        f"{moment:.4g}",
        f"{row.moment.mean:.4g} ± {row.moment.stderr:.2g}",
        f"{100 * (row.moment.mean / moment - 1):+.1f} %",
        f"{z_moment:+.1f}",
        f"{log:.4f}",
        f"{row.log.mean:.4f} ± {row.log.stderr:.2g}",
        f"{row.log.mean - log:+.4f}",
        f"{z_log:+.1f}",
        row.note,
    )
    return f"| {' | '.join(cells)} |"


TABLE_HEAD = (
    "| block | depth | density | gain | α | width | nets | E R theory | E R nets | off | z "
    "| E ln R theory | E ln R nets | off | z | where it breaks |\n"
    "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
)


def speed() -> str:
    """Triples a second without norm, best of five, a million at once."""
    rng = np.random.default_rng(0)
    depth, density, gain = rng.integers(1, 1001, 10**6), rng.random(10**6), rng.random(10**6) * 2
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        found = predict(depth, density, gain=gain)
        _ = found.label
        seconds.append(time.perf_counter() - begin)
    rate = 1e6 / min(seconds) / 1e6
    return (
        f"Speed: {rate:.1f} million (depth, density, gain) triples a second in one thread, all "
        f"moments and the label (best of five; the median run took {sorted(seconds)[2]:.2f} s a "
        "million)."
    )


def summary(rows: list[Row]) -> str:
    """How many rows hold."""
    off = [row for row in rows if not row.holds]
    rare = sum(row.is_rare for row in rows)
    z = np.array([row.log.deviations(row.theory[1]) for row in rows if row.holds])
    inside = sum(abs(z) <= 1)
    return (
        f"{len(rows)} settings: {len(rows) - len(off)} hold within three standard errors in both "
        f"columns, {len(off)} do not and say why; in {rare} the mean rests on rare nets. Of those "
        f"that hold, {inside} have a z of E ln R within 1, and its root mean square is "
        f"{float(np.sqrt((z**2).mean())):.2f} (1 would be chance alone)."
    )


def main() -> None:
    """Run the rows, print each as it comes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", help="write the page to this file")
    parser.add_argument("--speed", action="store_true", help="print the speed alone")
    parser.add_argument("--only", default="", help="run only rows whose line holds this text")
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast = speed()
    print(fast, flush=True)
    if options.speed:
        return
    start = time.perf_counter()
    rows = []
    for seed, setting in enumerate(settings(), start=1):
        if options.only in str(setting.options):
            rows.append(measured(setting, seed))
            print(line(rows[-1]), flush=True)
    gaps = list(gap_rows())
    print("\n".join(gaps))
    minutes = (time.perf_counter() - start) / 60
    head = HEAD.format(
        date=date.today(), torch=torch.__version__, minutes=minutes, summary=summary(rows)
    )
    table = "\n".join([TABLE_HEAD, *map(line, rows)])
    alike = (
        "## Two inputs over the depth\n\nln(1 - c) at the output, c being the correlation of two "
        "inputs that start at 0.3.\n\n" + "\n".join(gaps)
    )
    page = f"{head}\n{table}\n\n{alike}\n\n## Speed\n\n{fast}\n"
    if options.markdown:
        Path(options.markdown).write_text(page)
    print(summary(rows))


if __name__ == "__main__":
    main()
