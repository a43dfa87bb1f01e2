"""Models that nobody here wrote: the skips found against those defined, and what a scan costs.

    python benchmarks/zoo.py [--only timm,hf] [--markdown docs/zoo.md]

Every model of `tests/zoo` is built with random weights and scanned once with the defaults, with
one thread; seconds and the ratio to one forward+backward are those of that scan, so the first of
a kind pays for what torch sets up. Small models show what Python costs, not what the probes do:
benchmarks/scan.py measures that on models of full size.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

# In place of this folder, where `zoo` would be this file.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

import torch  # noqa: E402

import conftest  # noqa: E402, F401  (no hub, torchvision that imports)
import plusone  # noqa: E402
from plusone.records import ReportData  # noqa: E402
from zoo.all_models import ALL_MODELS  # noqa: E402
from zoo.entry import Entry, Skips  # noqa: E402


@dataclass(frozen=True)
class Row:
    """One model: what its definition says and what the scan found."""

    entry: Entry
    found: Skips
    data: ReportData | None
    error: str = ""

    @property
    def is_right(self) -> bool:
        return not self.error and self.found == self.entry.skips


def measure(entry: Entry) -> Row:
    """One scan, after one forward that lets torch set itself up."""
    model, inputs = entry.build()
    try:
        plusone.scan(model, inputs, quick=True, timed=False)
        data = plusone.scan(model, inputs).data
    except plusone.PlusoneError as error:
        return Row(entry, Skips(), None, str(error))
    return Row(entry, Skips(**Counter(skip.kind for skip in data.structure.skips)), data)


def line(row: Row) -> str:
    """The row of the table."""
    if row.data is None:
        return f"| {row.entry.name} | - | {row.entry.skips} | failed | - | - | - | {row.error} |"
    verdict = row.data.verdict
    codes = sorted({finding.code for finding in row.data.findings})
    said = (verdict.label if verdict is not None else "-") + (
        f" ({', '.join(codes)})" if codes else ""
    )
    note = (
        row.entry.because
        if not row.entry.wrong
        else f"{row.entry.because}. WRONG: {row.entry.wrong}"
    )
    cost = row.data.cost
    return (
        f"| {row.entry.name} | {row.data.structure.num_blocks} | {row.entry.skips} | "
        f"{row.found if not row.is_right else 'the same'} | {said} | {cost.seconds:.2f} | "
        f"{cost.ratio:.0f} | {note} |"
    )


def main() -> None:
    """Measure what was asked for, print it and perhaps write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="beginnings of names, separated by commas")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    wanted = tuple(options.only.split(",")) if options.only else ("",)
    rows = []
    for entry in ALL_MODELS:
        if entry.name.startswith(wanted):
            rows.append(measure(entry))
            print(line(rows[-1]), flush=True)
    right = sum(row.is_right for row in rows)
    print(f"{right} of {len(rows)} right, {time.perf_counter() - start:.0f} s")
    if options.markdown:
        options.markdown.write_text(_page(rows, right))


def _page(rows: list[Row], right: int) -> str:
    head = (
        "| model | blocks | skips by definition | found | verdict (findings) | s | f+b | why |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    body = "\n".join(line(row) for row in rows)
    return (
        "# Models that nobody here wrote\n\n"
        f"Written by `python benchmarks/zoo.py --markdown docs/zoo.md` on "
        f"{date.today().isoformat()}, torch {torch.__version__}, one thread.\n\n"
        f"**{right} of {len(rows)}** models show exactly the skips of their definition. A row that "
        "does not says why. What counts as a skip: a path around at least one layer into a sum, a "
        "concatenation of features, or a product with a gate; each arm of a join that goes around "
        "something is one skip. A skip that carries nothing of the input (a learned query added "
        "to what attention makes of it) is not counted. `f+b` is the ratio of the whole scan, "
        "all spectra included, to one forward and backward of the same model on the same batch; "
        "these models are small, so it is mostly Python's overhead per operation: "
        "[speed](speed.md) has models of full size.\n\n" + head + body + "\n"
    )


if __name__ == "__main__":
    main()
