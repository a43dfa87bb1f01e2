"""`plusone.search.search`: patterns of skips tried out on a model, on a study of Optuna's."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from plusone.errors import CaptureError, InputError, PlusoneError
from plusone.search.guide import chain_of, laws, promise, screened
from plusone.search.result import Result, Tried
from plusone.search.samplers import (
    AGAIN,
    SAMPLERS,
    SamplerName,
    choices_of,
    number_of,
    pattern_of,
    sampler_of,
)
from plusone.search.space import Pattern, Space, SpaceConfig, space_of
from plusone.search.storage import (
    SURPLUS,
    WORKER,
    are_seen,
    close,
    fail_lost,
    queue_failed,
    quietly,
    shown_place,
    storage_of,
    worker,
)
from plusone.search.training import Outcome, Training, check_training, trained
from plusone.target.extras import import_extra
from plusone.target.subject import Subject

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Tell = Callable[[str, float], None]

# Theory's own trials before TPE goes on from them, and the share of random patterns by their
# promise below which one is not trained.
PRIOR, PRUNED_BELOW = 8, 0.25
_MOST_PRUNED = 20
_WAIT = 0.5
MEASURE = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchConfig:
    """How many patterns are trained, who chooses them, and where the study is kept.

    `trials` are trained ones in all of the study, whoever trained them, besides those without
    skips, with all and with periodic ones, which always run. `sampler`: "theory" begins with the
    most promising patterns in closed form, goes on with TPE (Bergstra et al. 2011) and leaves out
    what theory expects less of than of the best quarter of random patterns; "tpe", "evolution"
    (regularised, Real et al. 2019, arXiv 1802.01548) and "random" know no theory. `storage` is a
    journal file or a database's URL, None to keep nothing. `jobs` trials are in flight at once
    where an executor runs them.
    """

    trials: int = 20
    sampler: SamplerName = "theory"
    storage: str | None = None
    name: str = "search"
    jobs: int = 1
    space: SpaceConfig = field(default_factory=SpaceConfig)
    training: Training = field(default_factory=Training)

    @property
    def seed(self) -> int:
        """Of the training and of what is drawn."""
        return self.training.seed


class _Surplus(Exception):
    """The study has all its trials: another worker was quicker."""


def search(
    subject: Subject,
    config: SearchConfig | None = None,
    *,
    executor: Executor | None = None,
    tell: Tell | None = None,
) -> Result:
    """The patterns that were tried, best first; the subject's model is left as it was.

    A study of the same name in the same storage goes on where it was, also with other workers at
    work on it; Ctrl-C ends it and keeps what is finished. Cost: `config.trials` trainings and those
    of up to four baselines, less what the study holds already.

    Raises:
        InputError: nothing can be searched or trained, the storage cannot be reached, or it holds
            a study of another space or training under this name.
        CaptureError: the model or its loss raised in a training.
        MissingExtraError: Optuna is not installed.
    """
    config = config or SearchConfig()
    _check(config)
    check_training(subject, config.training)
    space = space_of(subject, config.space)
    return _Search(space, config, executor, tell or (lambda stage, share: None)).run()


def _check(config: SearchConfig) -> None:
    if config.trials < 1:
        raise InputError(f"trials is {config.trials}; it must be 1 or more")
    if config.jobs < 1:
        raise InputError(f"jobs is {config.jobs}; it must be 1 or more")
    if config.seed < 0:
        raise InputError(f"seed is {config.seed}; it must be 0 or more")
    if config.sampler not in SAMPLERS:
        raise InputError(f"sampler is {config.sampler!r}; it is one of {', '.join(SAMPLERS)}")


class _Search:
    def __init__(
        self, space: Space, config: SearchConfig, executor: Executor | None, tell: Tell
    ) -> None:
        self.space, self.config, self.executor, self.tell = space, config, executor, tell
        self.optuna = import_extra("optuna", extra="search")
        self.named = space.named()
        first = list(self.named.values())
        self.chain, self.bar = None, -math.inf
        self.storage: BaseStorage | None = None
        if config.sampler == "theory":
            self.chain = chain_of(space, seed=config.seed)
            pool, heights = screened(space, self.chain, seed=config.seed)
            self.bar = float(heights[int(PRUNED_BELOW * len(pool))])
            fresh = [pattern for pattern in pool if pattern not in first]
            first += fresh[: min(PRIOR, config.trials)]
        self.first = tuple(first)
        self.total = len(self.named) + config.trials

    def run(self) -> Result:
        place = self.config.storage
        verbosity = self.optuna.logging.get_verbosity()
        self.optuna.logging.set_verbosity(self.optuna.logging.ERROR)
        self.storage = None
        try:
            self.storage = None if place is None else storage_of(place)
            return self._run(self._study())
        finally:
            self.optuna.logging.set_verbosity(verbosity)
            if self.storage is not None:
                close(self.storage)

    def _run(self, study: Study) -> Result:
        is_interrupted = False
        try:
            while True:
                fail_lost(study)
                queue_failed(study)
                if self._missing(study) > 0:
                    self._some_trials(study)
                elif self._is_done(study) or not are_seen(study):
                    break
                else:  # all are taken, and those of others may yet be lost
                    self.tell("waiting for other workers", 1.0)
                    time.sleep(_WAIT)
        except KeyboardInterrupt:
            is_interrupted = True
        return self._result(study, is_interrupted=is_interrupted)

    def _study(self) -> Study:
        optuna, config = self.optuna, self.config
        shown = shown_place(config.storage or "")
        try:
            study: Study = optuna.create_study(
                storage=self.storage,
                study_name=config.name,
                direction="maximize",
                sampler=sampler_of(self.space, config.sampler, self.first, config.seed),
                load_if_exists=True,
            )
        except (ValueError, KeyError) as error:
            raise InputError(
                f"--storage {shown} is no journal of a search; give another file"
            ) from error
        found, own = study.user_attrs.get("space"), self._fingerprint()
        if study.directions != [optuna.study.StudyDirection.MAXIMIZE] or (
            found is None and study.get_trials(deepcopy=False)
        ):
            raise InputError(
                f"the study '{config.name}' in {shown} is none of plusone's; give another name "
                "(--study)"
            )
        if found is None:
            study.set_user_attr("space", own)
        elif found != own:
            raise InputError(
                f"the study '{config.name}' in {shown} is of another model, space, "
                "data, sampler or training; give another name (--study), or what it was begun with"
            )
        return study

    def _fingerprint(self) -> str:
        places = [(p.path, tuple(p.shape)) for p in self.space.places]
        config = self.config
        told = (places, self.space.reach, config.space, config.training, config.sampler)
        found = hashlib.sha256(repr(told).encode())
        subject = self.space.subject
        found.update(f"{subject.model} {getattr(subject.loss_fn, '__qualname__', '')}".encode())
        kept = (subject.model.state_dict(), subject.args, subject.kwargs, subject.targets)
        for value in pytree.tree_leaves(kept):
            if isinstance(value, Tensor):
                content = value.detach().cpu().contiguous().flatten().view(torch.uint8)
                found.update(content.numpy().tobytes())
        return found.hexdigest()[:16]

    def _some_trials(self, study: Study) -> None:
        """Trials until none is left to begin."""

        def stop(study: Study, trial: FrozenTrial) -> None:
            self._told(study)
            if self._missing(study) <= 0:
                study.stop()

        with quietly(), self._finished_by_others():
            study.optimize(
                self._objective,
                n_trials=None,
                n_jobs=self.config.jobs if self.executor is not None else 1,
                catch=(_Surplus,),
                callbacks=[stop],
            )

    @contextmanager
    def _finished_by_others(self) -> Iterator[None]:
        """Goes on where a trial of this worker, which slept, was taken for lost and failed."""
        try:
            yield
        except self.optuna.exceptions.UpdateFinishedTrialError:
            pass
        except ValueError as error:
            if not str(error).startswith("Cannot tell a "):  # Optuna's, and not the model's
                raise

    def _objective(self, trial: Trial) -> float:
        trial.set_user_attr(WORKER, worker())
        study = trial.study
        params = {
            name: trial.suggest_categorical(name, choices)
            for name, choices in choices_of(self.space).items()
        }
        pattern = pattern_of(self.space, params)
        number = int(trial.user_attrs.get(AGAIN, trial.number))
        if self._begun(study, before=trial.number) >= self.total:
            study.stop()
            trial.set_user_attr(SURPLUS, True)
            raise _Surplus
        if AGAIN in trial.user_attrs:  # what this trial's own number stands for is still to come
            study.enqueue_trial({}, user_attrs={AGAIN: trial.number})
        if number >= len(self.first):
            self._prune(study, pattern, number)
        for other in _trials(study, "COMPLETE"):
            if MEASURE in other.user_attrs and pattern_of(self.space, other.params) == pattern:
                for key in (MEASURE, "parameters"):
                    trial.set_user_attr(key, other.user_attrs[key])
                return _value(other)
        outcome = self._outcome(pattern)
        trial.set_user_attr("parameters", outcome.num_parameters)
        trial.set_user_attr("seconds", outcome.seconds)
        trial.set_user_attr(MEASURE, outcome.measure)
        return outcome.score

    def _outcome(self, pattern: Pattern) -> Outcome:
        subject, training = self.space.subject, self.config.training
        edits = self.space.edits(pattern)
        try:
            if self.executor is not None:
                return self.executor.submit(trained, subject, edits, training).result()
            return trained(subject, edits, training)
        except PlusoneError:
            raise
        except Exception as error:  # of the model, the loss or the executor, all strangers' code
            what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise CaptureError(
                f"training {subject.name} with the spans {pattern} failed ({what}); what was "
                "finished is in the storage, if there is one, and the search goes on from it"
            ) from error

    def _prune(self, study: Study, pattern: Pattern, number: int) -> None:
        """Leaves out what was tried by an earlier trial, and what theory expects little of.

        So many times at most: a small space has no more patterns to give.
        """
        if len(_trials(study, "PRUNED")) >= _MOST_PRUNED * self.config.trials:
            return
        if any(
            number_of(other) < number and pattern_of(self.space, other.params) == pattern
            for other in _trials(study, "COMPLETE", "RUNNING")
            if len(other.params) == len(choices_of(self.space))
        ):
            raise self.optuna.TrialPruned
        if self.chain is None:
            return
        expected = promise(laws(self.space, self.chain, [pattern]))
        if expected[0] < self.bar:
            raise self.optuna.TrialPruned

    def _begun(self, study: Study, *, before: int | None = None) -> int:
        """How many trials are finished or at work, of those before a number."""
        found = _trials(study, "COMPLETE", "RUNNING")
        return sum(before is None or t.number < before for t in found)

    def _missing(self, study: Study) -> int:
        return self.total - self._begun(study)

    def _is_done(self, study: Study) -> bool:
        return len(_trials(study, "COMPLETE")) >= self.total

    def _told(self, study: Study) -> None:
        done = _trials(study, "COMPLETE")
        best = max(map(_value, done), default=0.0)
        self.tell(f"{len(done)} of {self.total} trained, best {best:.4g}", len(done) / self.total)

    def _result(self, study: Study, *, is_interrupted: bool) -> Result:
        done = sorted(_trials(study, "COMPLETE"), key=lambda t: t.number)
        tried: dict[Pattern, Tried] = {}
        for t in done:
            pattern = pattern_of(self.space, t.params)
            found = Tried(
                pattern=pattern,
                score=_value(t),
                number=t.number,
                num_parameters=int(t.user_attrs.get("parameters", 0)),
                seconds=float(t.user_attrs.get("seconds", 0.0)),
                baseline=next((n for n, p in self.named.items() if p == pattern), ""),
            )
            tried.setdefault(pattern, found)
        return Result(
            space=self.space,
            tried=tuple(
                sorted(tried.values(), key=lambda t: (-t.score, t.pattern.num_skips, t.number))
            ),
            num_pruned=len(_trials(study, "PRUNED")),
            measure=next((str(t.user_attrs[MEASURE]) for t in done if MEASURE in t.user_attrs), ""),
            sampler=self.config.sampler,
            seed=self.config.seed,
            is_interrupted=is_interrupted,
            chain=self.chain,
        )


def _trials(study: Study, *names: str) -> list[FrozenTrial]:
    """The study's trials in these states, by name."""
    states = import_extra("optuna", extra="search").trial.TrialState
    return study.get_trials(deepcopy=False, states=tuple(states[name] for name in names))


def _value(trial: FrozenTrial) -> float:
    return -math.inf if trial.value is None else trial.value
