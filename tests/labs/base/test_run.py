"""Runs are kept, taken up again, and lost only where they were interrupted."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import plusone.labs
from plusone.errors import InputError
from plusone.labs import LabResult, RunConfig, run_lab
from plusone.labs.base import Conclusion, Prediction, Runs
from plusone.labs.base.claim import Role
from plusone.labs.base.run import lab_named, result_of
from plusone.labs.base.store import sources

ALL = ["one 0", "one 1", "two 0", "two 1"]


def _ran(log: Path) -> list[str]:
    return sorted(log.read_text().splitlines())


def test_a_result_has_the_verdict_of_its_outcomes_and_its_provenance(tiny: Path) -> None:
    result = run_lab("tiny")
    assert [o.verdict for o in result.outcomes] == ["holds", "holds", "fails"]
    assert result.verdict == "holds"
    assert (result.num_runs, result.num_seeds, result.is_full) == (4, 2, False)
    assert result.outcomes[0].mean == pytest.approx(1.005)
    assert result.command == "plusone lab run tiny"
    assert f"torch {torch.__version__}" in result.versions


def _result(prediction: Prediction, **given: object) -> LabResult:
    lab = lab_named("tiny")
    claim = replace(lab.claim, predictions=(prediction,))
    found = Conclusion(reading="", **given)  # type: ignore[arg-type]
    changed = replace(lab, claim=claim, conclude=lambda runs: found)
    return result_of(changed, Runs(lab.plan(False), ()), is_full=False)


def test_the_range_of_a_prediction_decides_its_interval_and_so_its_verdict(tiny: Path) -> None:
    """By Student's t the share is 0.967 (0.82 to 1.11), which would be mixed."""
    share = Prediction(key="x", text="a share", low=0.2, high=1.0, within=(0, 1))
    (outcome,) = _result(share, measured={"x": [1.0, 1.0, 0.9]}).outcomes
    assert outcome.high < 1
    assert outcome.verdict == "holds"
    (plain,) = _result(
        replace(share, within=(-math.inf, math.inf)), measured={"x": [1.0, 1.0, 0.9]}
    ).outcomes
    assert plain.verdict == "mixed"


def test_what_there_was_nothing_to_measure_of_has_its_reason_for_an_outcome(tiny: Path) -> None:
    limit = Prediction(key="x", text="a share", low=0.2, role="limit")
    (outcome,) = _result(limit, measured={}, unmeasured={"x": "there is one bond"}).outcomes
    assert (outcome.verdict, outcome.unmeasured) == ("not measured", "there is one bond")


@pytest.mark.parametrize("role", ["control", "limit"])
def test_the_reading_names_a_control_that_does_not_hold(tiny: Path, role: Role) -> None:
    missed = Prediction(key="x", text="a share", low=0.2, role=role)
    reading = _result(missed, measured={"x": [0.1, 0.1]}).reading
    assert reading == (
        "The control 'a share' fails, so that the verdict is mixed at best."
        if role == "control"
        else ""
    )


def test_what_has_run_is_not_run_again(tiny: Path) -> None:
    first = run_lab("tiny")
    again = run_lab("tiny")
    assert _ran(tiny) == ALL
    assert replace(again, date=first.date) == first


def test_fresh_runs_all_again(tiny: Path) -> None:
    run_lab("tiny")
    run_lab("tiny", RunConfig(is_fresh=True))
    assert _ran(tiny) == sorted(ALL * 2)


def test_full_mode_takes_over_the_seeds_of_quick_mode(tiny: Path) -> None:
    run_lab("tiny")
    assert run_lab("tiny", RunConfig(is_full=True)).num_runs == 6
    assert _ran(tiny) == sorted([*ALL, "one 2", "two 2"])


def test_ctrl_c_loses_the_running_arm_alone(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_STOP", "two 0")
    with pytest.raises(KeyboardInterrupt):
        run_lab("tiny")
    monkeypatch.delenv("TINY_STOP")
    run_lab("tiny")
    assert _ran(tiny) == sorted([*ALL, "two 0"])


def test_another_code_of_the_lab_runs_anew(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_lab("tiny")
    monkeypatch.setattr("plusone.labs.base.run.version_of", lambda module: "another")
    run_lab("tiny")
    assert _ran(tiny) == sorted(ALL * 2)


def test_the_sources_of_a_lab_are_its_own_and_what_it_imports_from_other_labs() -> None:
    room = Path(plusone.labs.__file__).parent
    found = {str(f.relative_to(room)) for f in sources("plusone.labs.degradation")}
    assert {"degradation/__init__.py", "training.py", "gradient_highway/parts.py"} <= found
    assert {"data/images.py", "data/located.py"} <= found
    assert not any(name.startswith(("base/", "show/", "boosting")) for name in found)


def test_a_damaged_file_is_run_again(tiny: Path, tmp_path: Path) -> None:
    run_lab("tiny")
    kept = sorted((tmp_path / "cache/labs/tiny").glob("*.json"))
    kept[0].write_text('{"numbers": ')
    run_lab("tiny")
    assert len(_ran(tiny)) == 5


def test_the_random_state_of_the_caller_stays(tiny: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    run_lab("tiny")
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_is_told_after_each_run(tiny: Path) -> None:
    told: list[float] = []
    run_lab("tiny", tell=lambda stage, share: told.append(share))
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_an_unknown_lab_is_one_sentence_with_the_names() -> None:
    with pytest.raises(InputError, match="there is no lab 'x'; the labs are degradation, "):
        lab_named("x")


def test_a_folder_that_cannot_be_written_is_one_sentence(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: Not a directory"):
        run_lab("tiny", RunConfig(folder=tmp_path / "taken"))


# A shell that starts the tests in the background makes every process below it deaf to Ctrl-C.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from plusone.cli.main import main
from plusone.labs.index import LABS, Entry
LABS["tiny"] = Entry(module="support.tiny_lab", summary="")
raise SystemExit(main(["lab", "run", "tiny", "--full", "--jobs", "1", *sys.argv[1:]]))
"""


def _start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": "tests", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("stop", "code"),
    [(signal.SIGKILL, -9), pytest.param(signal.SIGINT, 130, marks=pytest.mark.long)],
)
def test_a_process_that_is_stopped_loses_the_running_arm_alone(
    tiny: Path, stop: signal.Signals, code: int
) -> None:
    process = _start(TINY_SECONDS="0.5")
    while len(_ran(tiny)) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert ("what has run is kept" in err) == (stop == signal.SIGINT)
    assert "Traceback" not in err
    started = _ran(tiny)
    again = _start()
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "tiny: holds" in out
    assert len(_ran(tiny)) <= 7, f"{started} had been started"


@pytest.mark.lab
def test_two_processes_give_what_one_gives(tiny: Path, tmp_path: Path) -> None:
    one = run_lab("toy-landscape", RunConfig(folder=tmp_path / "a"))
    two = run_lab("toy-landscape", RunConfig(folder=tmp_path / "b", jobs=2))
    assert two.outcomes == one.outcomes
