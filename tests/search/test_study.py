"""A study: its baselines, who chooses, that it goes on, and that nothing finished is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
import torch._dynamo

from plusone.errors import CaptureError, InputError
from plusone.fix import load
from plusone.search import Pattern, SearchConfig, SpaceConfig, Training, search, space_of
from plusone.search.samplers import params_of, pattern_of, sampler_of
from plusone.search.storage import WORKER, close, fail_lost, storage_of
from plusone.target.subject import subject_of
from search.nets import by_hand, subject

PLAIN = subject()
SHORT = Training(steps=20, batch=16, learning_rate=1e-2)
RANDOM = SearchConfig(trials=5, sampler="random", training=SHORT)
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]


@pytest.mark.parametrize("sampler", ["theory", "tpe", "evolution", "random"])
def test_every_sampler_trains_the_baselines_and_so_many_patterns_more(sampler: str) -> None:
    found = search(PLAIN, replace(RANDOM, sampler=sampler, trials=8))  # type: ignore[arg-type]
    assert {t.baseline for t in found.tried} == {"", "no skips", "all-skip", "period 2", "period 4"}
    assert len(found.tried) == 4 + 8
    scores = [t.score for t in found.tried]
    assert scores == sorted(scores, reverse=True)
    assert found.best.score == max(scores)
    x = PLAIN.args[0]
    made = found.model()
    expected = by_hand(PLAIN.model, x, found.best.pattern.spans)  # type: ignore[arg-type]
    torch.testing.assert_close(made(x), expected)


def test_evolution_changes_one_place_of_a_good_pattern() -> None:
    space = space_of(PLAIN)
    study = optuna.create_study(direction="maximize", sampler=sampler_of(space, "evolution", (), 0))
    rng = np.random.default_rng(0)
    parents = []
    for value in range(8):
        spans = tuple(int(rng.choice(reach)) for reach in space.reach)
        parents.append(Pattern(spans=spans))
        study.enqueue_trial(params_of(space, parents[-1]))
        trial = study.ask(sampler_params(space))
        study.tell(trial, value)
    for _ in range(20):
        trial = study.ask(sampler_params(space))
        child = pattern_of(space, trial.params)
        changed = [np.sum(np.array(child.spans) != np.array(p.spans)) for p in parents]
        # Of eight the best of five is never one of the four worst.
        assert min(changed[4:]) == 1
        study.tell(trial, state=optuna.trial.TrialState.FAIL)


def sampler_params(space: object) -> dict[str, optuna.distributions.BaseDistribution]:
    from plusone.search.samplers import choices_of

    return {
        name: optuna.distributions.CategoricalDistribution(values)
        for name, values in choices_of(space).items()  # type: ignore[arg-type]
    }


def test_a_study_goes_on_where_it_was_and_trains_nothing_twice(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"))
    first = search(PLAIN, config)
    stages: list[str] = []
    again = search(PLAIN, config, tell=lambda stage, share: stages.append(stage))
    assert again.tried == first.tried
    assert not stages
    more = search(PLAIN, replace(config, trials=7))
    assert {t.pattern for t in first.tried} <= {t.pattern for t in more.tried}
    assert len(more.tried) == len(first.tried) + 2
    whole = search(PLAIN, replace(RANDOM, trials=7))
    assert {(t.pattern, t.score) for t in more.tried} == {(t.pattern, t.score) for t in whole.tried}


def test_ctrl_c_keeps_what_is_finished_and_the_rest_is_made_up_for(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"))

    def interrupt(stage: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    stopped = search(PLAIN, config, tell=interrupt)
    assert stopped.is_interrupted
    assert 4 < len(stopped.tried) < 9
    assert "interrupted" in str(stopped)
    whole = search(PLAIN, config)
    assert {t.pattern for t in whole.tried} == {t.pattern for t in search(PLAIN, RANDOM).tried}


class StopsAt:
    """A loss that is interrupted once, in the middle of a training."""

    def __init__(self, call: int) -> None:
        self.calls, self.at = 0, call

    def __call__(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return torch.nn.functional.cross_entropy(output, targets)


@pytest.mark.parametrize("call", [12, 60])
def test_ctrl_c_in_a_training_loses_no_pattern(tmp_path: Path, call: int) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"))
    given = subject_of(PLAIN.model, PLAIN.args[0], PLAIN.targets, StopsAt(call))
    assert search(given, config).is_interrupted
    whole = search(given, config)
    alone = search(PLAIN, RANDOM)
    assert {(t.pattern, t.score) for t in whole.tried} == {
        (t.pattern, t.score) for t in alone.tried
    }
    assert sum(bool(t.baseline) for t in whole.tried) == 4


class Dies(StopsAt):
    """A loss that fails once."""

    def __call__(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        try:
            return super().__call__(output, targets)
        except KeyboardInterrupt:
            raise ValueError("the disk is full,\nit seems") from None


def test_what_the_loss_raises_is_one_sentence_and_the_study_goes_on(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"))
    given = subject_of(PLAIN.model, PLAIN.args[0], PLAIN.targets, Dies(60))
    with pytest.raises(CaptureError, match=r"failed \(ValueError: the disk is full, it seems\)"):
        search(given, config)
    whole = search(given, config)
    assert {t.pattern for t in whole.tried} == {t.pattern for t in search(PLAIN, RANDOM).tried}


def test_a_trial_of_a_process_whose_number_is_used_again_is_lost(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"), trials=1)
    search(PLAIN, config)
    study = optuna.load_study(study_name="search", storage=storage_of(str(config.storage)))
    trial = study.ask()
    trial.set_user_attr(WORKER, f"{socket.gethostname()}:{os.getpid()}:0123")
    assert len(search(PLAIN, replace(config, trials=2)).tried) == 4 + 2
    assert study.trials[trial.number].state.name == "FAIL"


def test_a_journal_does_not_wait_for_another_machine(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"), trials=1)
    search(PLAIN, config)
    study = optuna.load_study(study_name="search", storage=storage_of(str(config.storage)))
    study.ask().set_user_attr(WORKER, "elsewhere:1:0123")
    assert len(search(PLAIN, replace(config, trials=2)).tried) == 4 + 1


@pytest.mark.parametrize("sampler", ["tpe", "evolution", "theory"])
def test_a_tight_budget_is_kept_to_and_ends(sampler: str) -> None:
    config = replace(RANDOM, sampler=sampler, space=SpaceConfig(max_skips=1), trials=6)  # type: ignore[arg-type]
    found = search(PLAIN, config)
    assert max(t.pattern.num_skips for t in found.tried) == 1
    assert len({t.pattern for t in found.tried}) == len(found.tried)


def test_an_executor_runs_the_trials_side_by_side() -> None:
    with ThreadPoolExecutor(2) as pool:
        found = search(PLAIN, replace(RANDOM, jobs=2), executor=pool)
    # Threads that enter and leave the sandbox across each other would leave torch.compile off.
    assert torch._dynamo.eval_frame._stance.stance == "default"
    alone = search(PLAIN, RANDOM)
    assert {(t.pattern, t.score) for t in found.tried} == {
        (t.pattern, t.score) for t in alone.tried
    }


def test_the_recipe_and_the_code_repeat_the_best_pattern(tmp_path: Path) -> None:
    given = subject(narrow_at=3)
    found = search(given, RANDOM)
    pattern = next(t.pattern for t in found.tried if t.pattern.num_skips > 1)
    expected = found.model(pattern)(given.args[0])
    model = subject(narrow_at=3).model
    exec(found.code(pattern), {"model": model})
    torch.testing.assert_close(model(given.args[0]), expected, rtol=0, atol=0)
    weights, _ = found.save(tmp_path / "best.pt")
    again = load(subject(narrow_at=3).model, weights)
    torch.testing.assert_close(again(given.args[0]), found.model()(given.args[0]))


def test_theory_trains_nothing_that_it_expects_little_of() -> None:
    found = search(PLAIN, replace(RANDOM, sampler="theory", trials=16))
    assert found.num_pruned > 0
    assert len(found.tried) == 4 + 16


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (replace(RANDOM, trials=0), "trials is 0; it must be 1 or more"),
        (replace(RANDOM, jobs=0), "jobs is 0"),
        (replace(RANDOM, sampler="grid"), "sampler is 'grid'; it is one of theory, tpe"),  # type: ignore[arg-type]
        (replace(RANDOM, storage="/nowhere/x.journal"), "has no folder '/nowhere'"),
        (replace(RANDOM, storage="/tmp"), "/tmp is a folder; give a file"),
        (replace(RANDOM, storage="mongo://x"), "--storage mongo://x cannot be reached"),
        (
            replace(RANDOM, storage="postgresql://me:secret@127.0.0.1:1/x"),
            "--storage postgresql://me@127.0.0.1:1/x cannot be reached",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_sentence(
    config: SearchConfig, words: str
) -> None:
    with pytest.raises(InputError, match=words) as raised:
        search(PLAIN, config)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_study_of_something_else_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    config = replace(RANDOM, storage=str(tmp_path / "a.journal"), trials=1)
    search(PLAIN, config)
    with pytest.raises(InputError, match="is of another model, space, data, sampler"):
        search(PLAIN, replace(config, space=SpaceConfig(max_span=2)))
    other = subject_of(PLAIN.model, PLAIN.args[0] + 1, PLAIN.targets, PLAIN.loss_fn)
    with pytest.raises(InputError, match="is of another model, space, data"):
        search(other, config)
    foreign = str(tmp_path / "c.journal")
    optuna.create_study(storage=storage_of(foreign), study_name="search")
    with pytest.raises(InputError, match=r"c.journal is none of plusone's"):
        search(PLAIN, replace(config, storage=foreign))
    (tmp_path / "d.journal").write_text("[1, 2]\n")
    with pytest.raises(InputError, match=r"d.journal is no journal"):
        search(PLAIN, replace(config, storage=str(tmp_path / "d.journal")))
    (tmp_path / "b.journal").write_text("no journal\n")
    with pytest.raises(InputError, match=r"b.journal is no journal"):
        search(PLAIN, replace(config, storage=str(tmp_path / "b.journal")))


def worker(storage: str) -> subprocess.Popen[str]:
    """`plusone search` in a process of its own."""
    target = f"{Path(__file__).parent / 'worker_target.py'}:build"
    options = ("--trials=5", "--sampler=random", "--steps=20", "--batch=16", "--learning-rate=0.01")
    command = [sys.executable, "-m", "plusone", "search", target, *options]
    return subprocess.Popen(
        [*command, f"--storage={storage}", "--json=-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    if not POSTGRES:
        pytest.skip("PostgreSQL's server is not installed")
    data, own = tmp_path / "db", {"cwd": "/", "user": "postgres"} if os.getuid() == 0 else {}
    data.mkdir()
    for folder in [data, *tmp_path.parents]:
        if os.getuid() == 0 and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    if own:
        import pwd

        os.chown(data, pwd.getpwnam("postgres").pw_uid, -1)
    tools = POSTGRES[0]

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, **own)  # type: ignore[call-overload]

    run(str(tools / "initdb"), "-D", str(data), "-A", "trust", "-U", "plusone", "--no-sync")
    port = 20000 + os.getpid() % 20000
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -F"
    run(
        str(tools / "pg_ctl"),
        "-D",
        str(data),
        "-o",
        options,
        "-l",
        str(data / "log"),
        "-w",
        "start",
    )
    try:
        yield f"postgresql://plusone@127.0.0.1:{port}/postgres"
    finally:
        run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["journal", "postgres"])
def test_of_two_workers_one_is_killed_and_no_trial_is_lost(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    journal = str(tmp_path / "a.journal")
    storage = journal if kind == "journal" else request.getfixturevalue("postgres")
    doomed, other = worker(storage), worker(storage)
    try:
        killed, done = kill_in_a_trial(storage, doomed)
        out, err = other.communicate(timeout=100)
    finally:
        for process in (doomed, other):
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()
    assert other.returncode == 0, err
    found = json.loads(out)["tried"]
    expected = search(PLAIN, RANDOM).tried
    assert sorted((t["spans"], t["score"]) for t in found) == sorted(
        (list(t.pattern.spans), t.score) for t in expected
    )
    assert done <= {t["number"] for t in found}  # what was finished is still there
    with opened(storage) as study:
        assert study.trials[killed].state.name == "FAIL"
        assert any(t.user_attrs.get("again") == killed for t in study.trials)
        fail_lost(study)
        assert not study.get_trials(states=(optuna.trial.TrialState.RUNNING,))


@contextmanager
def opened(storage: str) -> Iterator[optuna.Study]:
    found = storage_of(storage)
    try:
        yield optuna.load_study(study_name="search", storage=found)
    finally:
        close(found)


def kill_in_a_trial(storage: str, process: subprocess.Popen[str]) -> tuple[int, set[int]]:
    """Kills a worker in the middle of a trial: its number, and those finished until then."""
    for _ in range(200):
        time.sleep(0.2)
        with suppress(KeyError), opened(storage) as study:
            running = [
                t.number
                for t in study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
                if f":{process.pid}:" in str(t.user_attrs.get(WORKER))
            ]
            done = {t.number for t in study.trials if t.state.name == "COMPLETE"}
            if not running or not done:
                continue
            os.kill(process.pid, signal.SIGSTOP)
            if study.trials[running[0]].state.name == "RUNNING":
                process.kill()
                process.wait()
                return running[0], done
            os.kill(process.pid, signal.SIGCONT)
    raise AssertionError("the worker began no trial")
