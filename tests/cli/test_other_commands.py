"""`plusone map`, `diff`, `rule` and `doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import plusone
from plusone.errors import CaptureError
from plusone.judge.rules import RULES
from plusone.report import Report
from plusone.target import Subject

from support.cli import Pipeline, Run, report_of


def test_map_builds_no_weights(run: Run, nets: str, pipeline: Pipeline) -> None:
    assert run("map", f"{nets}:build").code == 0
    assert pipeline.subject is not None
    assert all(p.is_meta for p in pipeline.subject.model.parameters())


def test_map_never_fails_on_findings(run: Run, nets: str, pipeline: Pipeline) -> None:
    pipeline.report = report_of("error")
    assert run("map", f"{nets}:build").code == 0


def test_map_builds_weights_where_the_model_does_not_run_without(
    run: Run, nets: str, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    def only_real(subject: Subject, config: object) -> Report:
        if any(p.is_meta for p in subject.model.parameters()):
            raise CaptureError("no values here")
        return report_of()

    monkeypatch.setattr(sys.modules["plusone.scan"], "map_subject", only_real)
    ran = run("map", f"{nets}:build")
    assert ran.code == 0
    assert "note: built with weights, because the model does not run on meta" in ran.err


LOOP = """
import torch
from torch import nn

class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        count = 0
        while x.norm(dim=1).mean() < 20 and count < 5:
            x, count = x + torch.tanh(self.layer(x)) * 0.01, count + 1
        return x

def build():
    return Loop(), torch.randn(16, 8)
"""


def test_map_builds_weights_where_the_model_asks_for_values(run: Run, tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text(LOOP)
    ran = run("map", f"{tmp_path}/loop.py:build", "--json", "-")
    assert ran.code == 0
    assert "built with weights, because the model asked once for a value" in ran.err
    assert len(json.loads(ran.out)["structure"]["skips"]) == 5


def test_diff_compares_two_saved_reports(run: Run, tmp_path: Path) -> None:
    report_of("error", target="before").save(tmp_path / "a.json")
    report_of(target="after").save(tmp_path / "b.json")
    ran = run("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert ran.code == 0
    assert "before" in ran.out
    assert "after" in ran.out


def test_diff_scans_a_target(run: Run, nets: str, pipeline: Pipeline, tmp_path: Path) -> None:
    report_of(target="before").save(tmp_path / "a.json")
    assert run("diff", str(tmp_path / "a.json"), f"{nets}:build").code == 0
    assert pipeline.subject is not None


def test_diff_refuses_a_file_that_is_no_report(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    ran = run("diff", str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert ran.code == 2
    assert ran.err.startswith("error: ")


def test_rule_without_a_code_lists_all(run: Run) -> None:
    ran = run("rule")
    assert ran.code == 0
    assert [line[:4] for line in ran.out.splitlines() if not line.startswith(" ")] == sorted(RULES)


@pytest.mark.parametrize("code", sorted(RULES))
def test_rule_explains_each_code_in_the_width_of_the_terminal(
    run: Run, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = run("rule", code.lower()).out.splitlines()
    assert lines[0].startswith(f"{code} {RULES[code].name}")
    assert {"Why", "Fix", "Reference"} <= set(lines)
    assert max(map(len, lines)) <= 50


def test_rule_names_the_codes_that_come_close(run: Run) -> None:
    ran = run("rule", "a30x")
    assert ran.code == 2
    assert ran.err.startswith("error: there is no rule 'a30x'; did you mean A30")


def test_rule_refuses_an_unknown_code(run: Run) -> None:
    ran = run("rule", "G999")
    assert ran.code == 2
    assert "there is no rule 'G999'; the codes are" in ran.err


def test_doctor_names_versions_and_extras(run: Run) -> None:
    ran = run("doctor")
    rows = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if line[0] != " ")
    assert ran.code == 0
    assert rows["plusone"] == plusone.__version__
    assert {"python", "torch", "threads", "cyclopts", "[zoo]", "[demo]", "torchvision"} <= set(rows)
