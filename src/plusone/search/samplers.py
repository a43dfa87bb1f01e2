"""Which pattern a trial takes: baselines first, theory's proposals, then one of Optuna's samplers.

The first patterns follow from the trial's number alone, so that several workers of one study, or
one that was stopped and goes on, share them out without a word between them. So do random ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from plusone.search.guide import random_pattern
from plusone.search.space import Pattern, Space
from plusone.target.extras import import_extra

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SamplerName = Literal["theory", "tpe", "evolution", "random"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
# Regularised evolution: of the last so many patterns, the best of a few is changed at one place
# (Real et al. 2019, arXiv 1802.01548; theirs were 100 and 25 of 20,000 trials).
POPULATION, TOURNAMENT = 16, 5
SCALE = "scale"
AGAIN = "again"
"""The attribute of a trial that repeats one whose worker was lost: the number of that one."""


def choices_of(space: Space) -> dict[str, tuple[int, ...] | tuple[str, ...]]:
    """The spans at each place where there is more than none, and the scales, by parameter."""
    found: dict[str, tuple[int, ...] | tuple[str, ...]] = {
        name_of(t): reach for t, reach in enumerate(space.reach) if len(reach) > 1
    }
    if len(space.config.scales) > 1:
        found[SCALE] = space.config.scales
    return found


def name_of(place: int) -> str:
    """The parameter of the skip that returns at a place, counted from 0 for the second one."""
    return f"span into place {place + 1}"


def params_of(space: Space, pattern: Pattern) -> dict[str, Any]:
    """The pattern as Optuna's parameters."""
    found: dict[str, Any] = {
        name_of(t): span for t, span in enumerate(pattern.spans) if len(space.reach[t]) > 1
    }
    return found | ({SCALE: pattern.scale} if len(space.config.scales) > 1 else {})


def pattern_of(space: Space, params: Mapping[str, Any]) -> Pattern:
    """The pattern that a trial's parameters stand for, trimmed to the budget."""
    spans = tuple(int(params.get(name_of(t), 0)) for t in range(space.num_layers))
    return space.trimmed(Pattern(spans=spans, scale=params.get(SCALE, space.config.scales[0])))


def sampler_of(space: Space, name: SamplerName, first: Sequence[Pattern], seed: int) -> BaseSampler:
    """A sampler whose trials 0, 1, ... are the patterns `first`."""
    optuna = import_extra("optuna", extra="search")
    choices = {
        name: optuna.distributions.CategoricalDistribution(values)
        for name, values in choices_of(space).items()
    }

    class Sampler(optuna.samplers.BaseSampler):  # type: ignore[misc, name-defined]
        def infer_relative_search_space(
            self, study: Study, trial: FrozenTrial
        ) -> dict[str, BaseDistribution]:
            is_own = number_of(trial) < len(first) or name in ("random", "evolution")
            return choices if is_own else {}

        def sample_relative(
            self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
        ) -> dict[str, Any]:
            if not search_space:
                return {}
            number = number_of(trial)
            if number < len(first):
                return params_of(space, first[number])
            rng = np.random.default_rng((seed, number))
            if name == "evolution":
                return params_of(space, _child(space, study, rng))
            return params_of(space, random_pattern(space, rng))

        def sample_independent(
            self,
            study: Study,
            trial: FrozenTrial,
            param_name: str,
            param_distribution: BaseDistribution,
        ) -> Any:
            # A new one each time: what it knows is the study's history, and drawn by the trial's
            # number two workers do not draw the same.
            place = list(choices).index(param_name) if param_name in choices else 0
            drawn = np.random.default_rng((seed, number_of(trial), place)).integers(2**31)
            tpe = optuna.samplers.TPESampler(seed=int(drawn), constant_liar=True)
            return tpe.sample_independent(study, trial, param_name, param_distribution)

    return Sampler()


def number_of(trial: FrozenTrial) -> int:
    """The trial's number, or that of the lost one that it repeats."""
    return int(trial.user_attrs.get(AGAIN, trial.number))


def _child(space: Space, study: Study, rng: np.random.Generator) -> Pattern:
    """The best of a few of the last patterns, changed at one place; random until there are such."""
    optuna = import_extra("optuna", extra="search")
    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    last = sorted(done, key=lambda t: t.number)[-POPULATION:]
    if len(last) < TOURNAMENT:
        return random_pattern(space, rng)
    chosen = [last[k] for k in rng.choice(len(last), size=TOURNAMENT, replace=False)]
    parent = pattern_of(space, max(chosen, key=lambda t: t.value).params)
    places = [t for t, reach in enumerate(space.reach) if len(reach) > 1]
    t = places[int(rng.integers(len(places)))]
    others = [s for s in space.reach[t] if s != parent.spans[t]]
    spans = (*parent.spans[:t], int(rng.choice(others)), *parent.spans[t + 1 :])
    return Pattern(spans=spans, scale=parent.scale)
