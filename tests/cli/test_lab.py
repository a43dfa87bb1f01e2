"""`plusone lab`: what it prints and writes, and what it does with errors and Ctrl-C."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from plusone.errors import InputError
from plusone.labs.base import check
from plusone.labs.data.located import DataWarning
from plusone.labs.index import LABS, Entry

from support.cli import Run


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(LABS, "tiny", Entry(module="support.tiny_lab", summary="two and one"))
    monkeypatch.setenv("PLUSONE_CACHE", str(tmp_path / "cache"))


def test_the_list_names_every_lab_with_its_claim(run: Run) -> None:
    ran = run("lab", "list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines() if line[0] != " "] == list(LABS)


def test_a_lab_is_printed_and_its_files_are_written(run: Run, tmp_path: Path) -> None:
    files = {end: str(tmp_path / f"labs.{end}") for end in ("html", "json", "md")}
    ran = run(
        *("lab", "run", "tiny", "--jobs", "1", "--html", files["html"], "--json", files["json"]),
        *("--markdown", files["md"], "--svg", str(tmp_path / "svg")),
    )
    assert ran.code == 0
    assert ran.out.startswith("tiny: holds")
    assert json.loads(Path(files["json"]).read_text())["results"][0]["verdict"] == "holds"
    assert "Two is more than one" in Path(files["html"]).read_text()
    assert Path(files["md"]).read_text().startswith("# Labs")
    assert [p.name for p in (tmp_path / "svg").iterdir()] == ["tiny-line.svg"]
    assert f"wrote {files['html']}" in ran.err


def test_json_on_stdout_is_all_of_stdout(run: Run) -> None:
    ran = run("lab", "run", "tiny", "--jobs", "1", "--json", "-")
    assert json.loads(ran.out)["schema"] == "plusone.labs/1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "x"), "there is no lab 'x'; the labs are degradation, "),
        (("run", "oversmothing"), "there is no lab 'oversmothing'; did you mean oversmoothing?"),
        (("run", "tiny", "--jobs", "0"), "--jobs is 0; it must be 1 or more"),
        (("run", "tiny", "--pdb", "x"), "--pdb is for the lab disulfide alone, not for tiny"),
        (("run", "disulfide", "--pdb", "/nowhere/x"), "'/nowhere/x' cannot be read"),
        (("run", "tiny", "--jobs", "1", "--html", "/nowhere/x"), "there is no folder '/nowhere'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    ran = run("lab", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_lab_that_cannot_run_leaves_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(names: object) -> None:
        raise InputError("the data set is not here")

    monkeypatch.setitem(LABS, "other", Entry(module="support.tiny_lab", summary=""))
    real = run("lab", "run", "tiny", "--jobs", "1")
    calls = iter([None, missing])

    def require(names: object) -> None:
        chosen = next(calls)
        if chosen is not None:
            chosen(names)

    monkeypatch.setattr("plusone.labs.base.run._require", require)
    ran = run("lab", "run", "tiny", "other", "--jobs", "1")
    assert real.out.splitlines()[0] in ran.out
    assert "error: other: the data set is not here" in ran.err
    assert ran.code == 2


def test_where_data_come_from_is_a_note_if_not_from_the_folder_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require(names: object) -> None:
        warnings.warn("the data set 'x' is downloaded", DataWarning, stacklevel=1)

    monkeypatch.setattr("plusone.labs.base.run._require", require)
    arguments = ("lab", "run", "tiny", "--jobs", "1")
    assert run(*arguments).err == "note: the data set 'x' is downloaded\n"
    assert run(*arguments, "--quiet").err == ""


def test_ctrl_c_prints_what_is_done_and_says_how_to_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("lab", "run", "tiny", "--jobs", "1")
    monkeypatch.setitem(LABS, "other", Entry(module="support.tiny_lab", summary=""))
    monkeypatch.setenv("TINY_STOP", "two 0")
    ran = run("lab", "run", "tiny", "other", "--jobs", "1")
    assert ran.code == 130
    assert ran.out.startswith("tiny: holds")
    assert "what has run is kept; the same command goes on from there" in ran.err


def test_a_check_compares_with_what_is_stored(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(check, "STORED", tmp_path / "stored.json")
    (tmp_path / "stored.json").write_text("{}")
    ran = run("lab", "check", "tiny", "--jobs", "1")
    assert (ran.code, ran.out.strip()) == (1, "tiny: no result is stored")
    from plusone.labs import run_lab

    check.store([run_lab("tiny")], check.stored())
    ran = run("lab", "check", "tiny", "--jobs", "1")
    assert (ran.code, ran.out.strip()) == (0, "1 of 1 labs as stored")
    kept = json.loads((tmp_path / "stored.json").read_text())
    kept["tiny"]["outcomes"]["more"]["verdict"] = "fails"
    (tmp_path / "stored.json").write_text(json.dumps(kept))
    ran = run("lab", "check", "tiny", "--jobs", "1")
    assert (ran.code, ran.out.strip()) == (1, "tiny, more: holds, stored was fails")
