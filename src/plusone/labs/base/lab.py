"""A lab: a claim, the arms that test it, what is measured of each, and what follows.

A lab is a module with the constant `LAB`. `measure` runs one arm with one seed and gives plain
numbers, which are kept on disk; `conclude` turns all numbers into outcomes and figures, and takes
no time, so that it can be run again on what was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from plusone.labs.base.claim import Claim, Effect, Figure, Table

Option = str | float | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One setting of the experiment; `options` are what `measure` reads.

    `seeds` are its own, in place of the plan's: one for an arm in which nothing is random.
    """

    name: str
    options: Mapping[str, Option] = field(default_factory=dict)
    seeds: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The arms, the seeds that each runs with, and the data sets that they read."""

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    data: tuple[str, ...] = ()

    def seeds_of(self, arm: Arm) -> tuple[int, ...]:
        """The seeds that an arm runs with."""
        return self.seeds if arm.seeds is None else arm.seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One arm with one seed: its numbers (floats, or nested lists of them) and CPU seconds."""

    arm: Arm
    seed: int
    numbers: Mapping[str, object]
    seconds: float


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs of a plan, by arm and number."""

    plan: Plan
    runs: tuple[Run, ...]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def arms(self) -> tuple[Arm, ...]:
        return self.plan.arms

    def of(self, arm: Arm | str, key: str) -> np.ndarray:
        """The number `key` of an arm, [seeds, ...], in the order of its seeds."""
        name = arm if isinstance(arm, str) else arm.name
        found = [run.numbers[key] for run in self.runs if run.arm.name == name]
        assert found, f"no run of the arm '{name}'"
        return np.asarray(found, dtype=float)

    def mean(self, arm: Arm | str, key: str) -> np.ndarray:
        """The same, averaged over seeds: [...]."""
        average: np.ndarray = self.of(arm, key).mean(0)
        return average


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What `conclude` returns: by a prediction's key one value for each seed, or of what else it is
    over, or one in all; `unmeasured` has the reasons of those that have none."""

    measured: Mapping[str, Sequence[float]]
    reading: str
    unmeasured: Mapping[str, str] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A claim with its experiment.

    `plan(is_full)` gives the arms of the quick or of the full mode; `measure(arm, seed)` is a
    function of these alone, the same on every call; `conclude(runs)` reads what all measured.
    `plan_of_file(path, is_full)` is there where the lab can read data of the user's in place of its
    own.
    """

    claim: Claim
    plan: Callable[[bool], Plan]
    measure: Callable[[Arm, int], Mapping[str, object]]
    conclude: Callable[[Runs], Conclusion]
    plan_of_file: Callable[[str, bool], Plan] | None = None
