"""`plusone scan`: what is printed, what is written, and the exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from plusone.errors import CaptureError
from plusone.records import NotMeasured, ScanConfig, Severity
from plusone.report import Report

from support.cli import Pipeline, Run, report_of


@pytest.mark.parametrize(
    ("severities", "fail_on", "code"),
    [
        ((), "warning", 0),
        (("warning",), "warning", 1),
        (("warning",), "error", 0),
        (("error", "warning"), "error", 1),
        (("error",), "never", 0),
    ],
)
def test_the_exit_code_says_whether_findings_count(
    run: Run,
    nets: str,
    pipeline: Pipeline,
    severities: tuple[Severity, ...],
    fail_on: str,
    code: int,
) -> None:
    pipeline.report = report_of(*severities)
    assert run("scan", f"{nets}:build", "--fail-on", fail_on).code == code


def test_findings_count_from_warnings_on_by_default(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    pipeline.report = report_of("warning")
    assert run("scan", f"{nets}:build").code == 1


def test_the_result_is_on_stdout_and_what_the_users_code_prints_on_stderr(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    ran = run("scan", f"{nets}:build")
    assert "all is well" in ran.out
    assert "building" not in ran.out
    assert ran.err == "building\nthe model prints\n"


def test_json_dash_prints_one_object_and_nothing_else(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    ran = run("scan", f"{nets}:build", "--json", "-")
    assert json.loads(ran.out)["schema"] == "plusone.report/1"


def test_format_json_is_the_same_as_json_dash(run: Run, nets: str, pipeline: Pipeline) -> None:
    first = run("scan", f"{nets}:build", "--json", "-")
    second = run("scan", f"{nets}:build", "--format", "json")
    assert first.out == second.out


@pytest.mark.parametrize("format", ["concise", "github"])
def test_each_line_format_names_the_finding(
    run: Run, nets: str, pipeline: Pipeline, format: str
) -> None:
    pipeline.report = report_of("error")
    assert "G201" in run("scan", f"{nets}:build", "--format", format).out


def test_files_are_written_beside_the_text(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    html, saved = tmp_path / "net.html", tmp_path / "net.json"
    ran = run("scan", f"{nets}:build", "--html", str(html), "--json", str(saved))
    assert "all is well" in ran.out
    assert "all is well" in html.read_text()
    assert json.loads(saved.read_text())["target"] == "a net"


@pytest.mark.parametrize("command", ["scan", "map"])
def test_each_file_that_was_written_is_named_on_stderr_unless_quiet(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path, command: str
) -> None:
    html, saved = tmp_path / "net.html", tmp_path / "net.json"
    arguments = (command, f"{nets}:build", "--html", str(html), "--json", str(saved))
    assert run(*arguments).err.splitlines()[-2:] == [f"wrote {html}", f"wrote {saved}"]
    assert "wrote" not in run(*arguments, "-q").err


def test_a_file_that_cannot_be_written_is_refused_before_the_scan(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    ran = run("scan", f"{nets}:build", "--html", str(tmp_path / "no" / "net.html"))
    assert ran.code == 2
    assert "there is no folder" in ran.err
    assert pipeline.subject is None


def test_options_reach_the_scan(run: Run, nets: str, pipeline: Pipeline) -> None:
    flags = ("--quick", "--mode", "eval", "--seed", "3", "--repeats", "4", "--samples", "5")
    run("scan", f"{nets}:build", *flags)
    expected = ScanConfig(quick=True, mode="eval", seed=3, repeats=4, samples=5)
    assert pipeline.config == expected


def test_codes_are_selected_by_prefix_separated_by_commas_or_repeated(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    run("scan", f"{nets}:build", "--select", "G,s1", "--select", "N501", "--ignore", "G202")
    assert pipeline.config is not None
    assert pipeline.config.select == ("G", "S1", "N501")
    assert pipeline.config.ignore == ("G202",)


def test_a_bare_model_takes_input_from_the_command_line(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    run("scan", f"{nets}:bare", "--input", "7,4")
    assert pipeline.subject is not None
    (x,) = pipeline.subject.args
    assert tuple(getattr(x, "shape", ())) == (7, 4)


def test_a_loss_is_chosen_by_name(run: Run, nets: str, pipeline: Pipeline) -> None:
    run("scan", f"{nets}:build", "--loss", "mse")
    assert pipeline.subject is not None
    assert pipeline.subject.loss_fn is not None


def test_notes_go_to_stderr_unless_quiet(run: Run, nets: str, pipeline: Pipeline) -> None:
    code = "def with_loss():\n    x, t = torch.randn(4, 4), torch.randn(4, 4)\n"
    code += "    return Net(), x, t, nn.functional.mse_loss\n"
    Path(nets).write_text(Path(nets).read_text() + code)
    loud = run("scan", f"{nets}:with_loss", "--input", "7,4")
    quiet = run("scan", f"{nets}:with_loss", "--input", "7,4", "-q")
    assert "note: the target's own targets and loss were left out" in loud.err
    assert "note:" not in quiet.err


def test_a_model_that_fails_still_gives_the_partial_report(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    error = CaptureError("the model's forward raised ValueError at blocks.2")
    vars(error)["report"] = report_of(target="half a net")
    pipeline.error = error
    ran = run("scan", f"{nets}:build", "--html", str(tmp_path / "half.html"))
    assert ran.code == 2
    assert "half a net" in ran.out
    assert "error: the model's forward raised ValueError at blocks.2" in ran.err
    assert (tmp_path / "half.html").exists()


def test_a_report_without_a_verdict_is_written_and_is_a_failure(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    gap = NotMeasured(what="gradient", why="the model returns None")
    pipeline.report = Report(replace(report_of().data, verdict=None, not_measured=(gap,)))
    ran = run("scan", f"{nets}:build")
    assert ran.code == 2
    assert ran.out.splitlines()[1] == (
        "NO VERDICT: the gradient was not measured: the model returns None"
    )
    assert "because the gradient was not measured: the model returns None" in ran.err


def test_a_model_that_exits_does_not_choose_our_exit_code(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    pipeline.error = SystemExit(0)
    ran = run("scan", f"{nets}:build")
    assert ran.code == 2
    assert "called sys.exit(0) in its forward" in ran.err


def test_an_interrupt_ends_with_one_line(run: Run, nets: str, pipeline: Pipeline) -> None:
    pipeline.error = KeyboardInterrupt()
    ran = run("scan", f"{nets}:build")
    assert ran.code == 130
    assert ran.err.endswith("interrupted\n")


def test_a_fault_of_our_own_is_owned(run: Run, nets: str, pipeline: Pipeline) -> None:
    pipeline.error = ZeroDivisionError("ours")
    ran = run("scan", f"{nets}:build")
    assert ran.code == 2
    assert ran.err.endswith("error: this is a fault in plusone, not in your model\n")


@pytest.mark.parametrize("columns", ["50", "100"])
def test_the_text_keeps_to_the_terminals_width(
    run: Run, nets: str, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    pipeline.report = report_of("error", "warning")
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, run("scan", f"{nets}:build").out.splitlines())) <= int(columns)
