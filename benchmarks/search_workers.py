"""How much faster two processes work on one study than one: a journal file, random patterns.

Counted from the start of the first trial to the end of the last one, so that what a process takes
to start counts only where the other already works.

    python benchmarks/search_workers.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import optuna

from plusone.search.storage import quietly, storage_of

TARGET = Path(__file__).parents[1] / "examples" / "digits.py"
OPTIONS = ("--sampler=random", "--trials=28", "--steps=400", "--quiet")


def seconds(jobs: int, folder: Path) -> tuple[float, int]:
    """The seconds of a whole study with so many processes, and its trials."""
    journal = str(folder / f"{jobs}.journal")
    command = [sys.executable, "-m", "plusone", "search", f"{TARGET}:layers", *OPTIONS]
    subprocess.run(
        [*command, f"--storage={journal}", f"--jobs={jobs}"], check=True, capture_output=True
    )
    with quietly():
        study = optuna.load_study(study_name="search", storage=storage_of(journal))
    done = [t for t in study.trials if t.state.name == "COMPLETE"]
    starts = [t.datetime_start for t in done if t.datetime_start is not None]
    ends = [t.datetime_complete for t in done if t.datetime_complete is not None]
    return (max(ends) - min(starts)).total_seconds(), len(done)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {jobs: seconds(jobs, Path(folder)) for jobs in (1, 2)}
    for jobs, (took, trials) in found.items():
        print(f"{jobs} process{'es' * (jobs > 1)}: {trials} trials in {took:.1f} s")
    (one, trials), (two, others) = found[1], found[2]
    print(f"throughput of two over that of one: {(others / two) / (trials / one):.2f}")


if __name__ == "__main__":
    main()
