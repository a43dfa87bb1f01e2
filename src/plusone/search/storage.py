"""Where a study is kept: a journal file, or a database for many machines; and lost trials.

A worker that is killed leaves its trial running. Of one on this machine the process is looked for;
of others a database tells by the heartbeats that have stopped. Such a trial is failed, and its
pattern is queued again.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from plusone.errors import InputError
from plusone.search.samplers import AGAIN, number_of
from plusone.target.extras import import_extra

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

HEARTBEAT, GRACE = 5, 20
"""Seconds between two heartbeats, and without one until a trial counts as lost."""
WORKER, SURPLUS = "worker", "surplus"
_TOKEN = secrets.token_hex(4)


@contextmanager
def quietly() -> Iterator[None]:
    """Optuna without its notes on what is experimental, of which all of this is."""
    optuna = import_extra("optuna", extra="search")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
        yield


def storage_of(place: str) -> BaseStorage:
    """The storage at a path, or at a database's URL.

    Raises:
        InputError: it cannot be reached or written.
        MissingExtraError: Optuna is not installed.
    """
    optuna = import_extra("optuna", extra="search")
    if "://" in place:
        with quietly():
            return _database(place)
    path = Path(place)
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"has no folder '{path.parent}'"
        raise InputError(f"--storage {place} {what}; give a file, or postgresql://user@host/name")
    try:
        backend = optuna.storages.journal.JournalFileBackend(place)
        storage: BaseStorage = optuna.storages.JournalStorage(backend)
    except OSError as error:
        raise InputError(f"--storage {place} cannot be written: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"--storage {place} is no journal of a search; give another file"
        ) from error
    return storage


def _database(url: str) -> BaseStorage:
    optuna = import_extra("optuna", extra="search")
    sqlalchemy = import_extra("sqlalchemy", extra="search")
    shown = shown_place(url)
    if url.startswith("postgresql://"):  # whose driver depends on SQLAlchemy's version
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)

    def made() -> BaseStorage:
        storage: BaseStorage = optuna.storages.RDBStorage(
            url,
            engine_kwargs={"pool_pre_ping": True},
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
        )
        return storage

    try:
        try:
            return made()
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):
            time.sleep(1.0)  # another worker, which began at the same time, was making the tables
            return made()
    except ImportError as error:
        raise InputError(
            f"--storage {shown} needs a driver that is not installed (for PostgreSQL: pip "
            "install 'plusone[search]')"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"--storage {shown} cannot be reached: {first}") from error


def close(storage: BaseStorage) -> None:
    """Closes a database's connections."""
    engine = getattr(storage, "engine", None)
    if engine is not None:
        storage.remove_session()
        engine.dispose()


def shown_place(url: str) -> str:
    """A file or a database's URL without its password, to be shown."""
    head, mark, tail = url.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.split(':')[0]}{mark}{tail}" if mark else url


def worker() -> str:
    """This process, as others know it: machine, number, and what tells it from a later one."""
    return f"{socket.gethostname()}:{os.getpid()}:{_TOKEN}"


def fail_lost(study: Study) -> None:
    """Fails the trials whose workers are gone."""
    optuna = import_extra("optuna", extra="search")
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if _is_gone(trial):
            with suppress(ValueError):  # another worker was quicker
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    with quietly():
        optuna.storages.fail_stale_trials(study)  # of a database, by its heartbeats; else nothing


def queue_failed(study: Study) -> None:
    """Queues what failed, was interrupted or lost, and what a repeated trial took the number of.

    With the parameters that had been drawn, or to be drawn by the number of the first try.
    """
    trials = study.get_trials(deepcopy=False)
    alive = {number_of(t) for t in trials if t.state.name != "FAIL"}
    failed = {
        number_of(t): t.params
        for t in trials
        if t.state.name == "FAIL" and SURPLUS not in t.user_attrs
    }
    for key, params in sorted({**{t.number: {} for t in trials}, **failed}.items()):
        if key not in alive:
            study.enqueue_trial(params, user_attrs={AGAIN: key})


def are_seen(study: Study) -> bool:
    """Whether every trial at work is one whose end or loss will be noticed here.

    A journal has no heartbeats, so that of another machine's workers nothing is known.
    """
    optuna = import_extra("optuna", extra="search")
    if not isinstance(study._storage, optuna.storages.JournalStorage):
        return True
    running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    here = socket.gethostname()
    return all(str(t.user_attrs.get(WORKER, here)).partition(":")[0] == here for t in running)


def _is_gone(trial: FrozenTrial) -> bool:
    """Whether its worker was of this machine and has ended; of others one cannot tell."""
    name = trial.user_attrs.get(WORKER)
    if name is None:  # killed before it could say who it was
        begin = trial.datetime_start
        return begin is not None and (datetime.now() - begin).total_seconds() > GRACE
    host, process, token = str(name).rsplit(":", 2)
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return token != _TOKEN
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
