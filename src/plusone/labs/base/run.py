"""Runs a lab: every arm with every seed, on several cores, taking up what an earlier call left."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib import import_module
from pathlib import Path

from plusone.errors import InputError
from plusone.labs.base.claim import (
    LabResult,
    Outcome,
    Prediction,
    judged,
    missed_controls,
    overall,
)
from plusone.labs.base.effects import interval
from plusone.labs.base.extra import need
from plusone.labs.base.lab import Arm, Conclusion, Lab, Plan, Run, Runs
from plusone.labs.base.store import Store, cache_folder, version_of
from plusone.labs.index import LABS, no_such_lab

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """How a lab runs. `folder` keeps the runs (the user's cache folder without one); `is_fresh`
    ignores what it holds; `jobs` processes work side by side, each on one thread. `file` is what
    the lab reads in place of its own data."""

    is_full: bool = False
    is_fresh: bool = False
    jobs: int = 1
    folder: Path | None = None
    file: str | None = None


def lab_named(name: str) -> Lab:
    """The lab of that name.

    Raises:
        InputError: there is none.
    """
    if name not in LABS:
        raise InputError(no_such_lab(name))
    lab = import_module(LABS[name].module).LAB
    assert isinstance(lab, Lab)
    return lab


def run_lab(name: str, config: RunConfig | None = None, *, tell: Tell | None = None) -> LabResult:
    """What the lab finds. Each finished run is kept at once; a later call runs the others only.

    Raises:
        InputError: there is no such lab, a data set is missing, the folder cannot be written, or
            the file is not what the lab reads.
        MissingExtraError: the extra `labs` is not installed.
    """
    config = config or RunConfig()
    lab = lab_named(name)
    plan = _plan(lab, config)
    _require(plan.data)
    folder = (config.folder or cache_folder() / "labs") / name
    store = Store(folder=folder, version=version_of(LABS[name].module))
    wanted = [(arm, seed) for arm in plan.arms for seed in plan.seeds_of(arm)]
    kept = [] if config.is_fresh else [r for r in (store.load(*w) for w in wanted) if r]
    done = {(run.arm.name, run.seed) for run in kept}
    missing = [(arm, seed) for arm, seed in wanted if (arm.name, seed) not in done]
    runs = list(kept)
    for run in _each(name, missing, store, config.jobs):
        runs.append(run)
        if tell is not None:
            tell(f"{name}: {run.arm.name}", len(runs) / len(wanted))
    order = {(arm.name, seed): i for i, (arm, seed) in enumerate(wanted)}
    runs.sort(key=lambda run: order[run.arm.name, run.seed])
    found = result_of(lab, Runs(plan, tuple(runs)), is_full=config.is_full)
    return found if config.file is None else replace(found, file=config.file)


def _plan(lab: Lab, config: RunConfig) -> Plan:
    if config.file is None:
        return lab.plan(config.is_full)
    if lab.plan_of_file is None:
        raise InputError(f"the lab '{lab.claim.name}' reads no file; leave out '{config.file}'")
    return lab.plan_of_file(config.file, config.is_full)


def result_of(lab: Lab, runs: Runs, *, is_full: bool) -> LabResult:
    """The verdict of a lab on runs that are there."""
    import torch

    import plusone

    found = lab.conclude(runs)
    outcomes = _outcomes(lab, found)
    return LabResult(
        claim=lab.claim,
        is_full=is_full,
        verdict=overall(outcomes),
        outcomes=outcomes,
        effects=found.effects,
        figures=found.figures,
        tables=found.tables,
        reading=" ".join(filter(None, (found.reading, missed_controls(outcomes)))),
        data=runs.plan.data,
        num_seeds=len(runs.plan.seeds),
        num_runs=len(runs.runs),
        seconds=sum(run.seconds for run in runs),
        date=date.today().isoformat(),
        versions=f"plusone {plusone.__version__}, torch {torch.__version__}",
    )


def _outcomes(lab: Lab, found: Conclusion) -> tuple[Outcome, ...]:
    predictions = lab.claim.predictions
    given = sorted([*found.measured, *found.unmeasured])
    assert given == sorted(p.key for p in predictions), "a prediction is not measured once"
    return tuple(_outcome(p, found) for p in predictions)


def _outcome(prediction: Prediction, found: Conclusion) -> Outcome:
    reason = found.unmeasured.get(prediction.key, "")
    values = [] if reason else [float(v) for v in found.measured[prediction.key]]
    mean, low, high = interval(values, prediction.within) if values else (math.nan,) * 3
    return Outcome(
        prediction=prediction,
        mean=mean,
        low=low,
        high=high,
        num_seeds=len(values),
        verdict="not measured" if reason else judged(prediction, low, high),
        unmeasured=reason,
    )


def _require(names: Sequence[str]) -> None:
    from plusone.labs.data import require

    for name in names:
        require(name)


def _each(name: str, wanted: Sequence[tuple[Arm, int]], store: Store, jobs: int) -> Iterator[Run]:
    if not wanted:
        return
    tasks = [(name, arm, seed, store) for arm, seed in wanted]
    if jobs <= 1 or len(tasks) == 1:
        yield from (run_one(*task) for task in tasks)
        return
    joblib = need("joblib")
    pool = joblib.Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")
    yield from pool(joblib.delayed(run_one)(*task) for task in tasks)


def run_one(name: str, arm: Arm, seed: int, store: Store) -> Run:
    """One arm with one seed, on one thread, kept in the store. The random state stays as it was."""
    import torch

    lab = lab_named(name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.process_time()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            numbers = lab.measure(arm, seed)
    finally:
        torch.set_num_threads(threads)
    run = Run(arm=arm, seed=seed, numbers=_plain(numbers), seconds=time.process_time() - start)
    store.save(run)
    return run


def _plain(numbers: Mapping[str, object]) -> dict[str, object]:
    """Numbers as JSON holds them, from tensors and arrays too."""
    return {
        key: value.tolist() if hasattr(value, "tolist") else value for key, value in numbers.items()
    }


def cores() -> int:
    """How many processes may work side by side."""
    return os.cpu_count() or 1
