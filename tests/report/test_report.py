from __future__ import annotations

import re
from pathlib import Path

import pytest

import plusone.report
from plusone.report import Report

from . import samples


def test_the_public_names_are_frozen() -> None:
    assert plusone.report.__all__ == [
        "HealthyBand",
        "Report",
        "compare",
        "compare_html",
        "json_schema",
    ]


def test_a_report_hands_on_the_parts_of_its_data() -> None:
    data = samples.resnet50()
    report = Report(data)
    assert report.data is data
    for name in (
        "target",
        "verdict",
        "structure",
        "blocks",
        "end_to_end",
        "findings",
        "cost",
        "not_measured",
        "provenance",
    ):
        assert getattr(report, name) is getattr(data, name)
    assert report.skips is data.structure.skips


@pytest.mark.parametrize(
    ("name", "ok"), [("resnet50", True), ("unet", True), ("vanishing", False), ("empty", True)]
)
def test_a_report_is_ok_without_findings_of_severity_error(name: str, ok: bool) -> None:
    assert Report(samples.ALL[name]()).ok is ok


def test_its_repr_is_the_concise_text() -> None:
    report = Report(samples.vanishing())
    assert repr(report) == report.to_text(format="concise")


def test_reports_are_equal_by_content() -> None:
    assert Report(samples.unet()) == Report(samples.unet())
    assert Report(samples.unet()) != Report(samples.resnet50())
    assert len({Report(samples.unet()), Report(samples.unet())}) == 1


def test_no_file_of_the_report_imports_torch_or_a_later_stage() -> None:
    folder = Path(plusone.report.__file__).parent
    for path in folder.glob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\S+)", path.read_text("utf-8"), re.MULTILINE)
        ours = {name for name in imported if name.startswith("plusone")}
        earlier = ("plusone.report", "plusone.records", "plusone.errors", "plusone.theory")
        if path.name.startswith("landscape"):  # pictures of a stage that is earlier, too
            earlier += ("plusone.landscape", "plusone.distributions", "plusone.target.extras")
        assert all(name.startswith(earlier) for name in ours), path
        assert not any(name.split(".")[0] == "torch" for name in imported), path
