"""Findings one line each: for a terminal and `grep`, and as annotations of GitHub Actions."""

from __future__ import annotations

from plusone.records import Finding, ReportData, Value
from plusone.report.numerals import number, percent, shown

ONE_LINE = str.maketrans({"\n": " ", "\r": " ", "\t": " "})


def verdict_line(data: ReportData) -> str:
    """The verdict in one line, behind the target."""
    verdict = data.verdict
    target = data.target.translate(ONE_LINE)
    if verdict is None:
        return f"{target}: {no_verdict(data).translate(ONE_LINE)}"
    return (
        f"{target}: {verdict.label} ({chance(data)}): {verdict.reason.translate(ONE_LINE)}"
    ).removesuffix(": ")


def is_map(data: ReportData) -> bool:
    """Whether nothing but the structure was asked for."""
    return data.verdict is None and not reason_for_none(data)


def no_verdict(data: ReportData) -> str:
    """That there is no verdict, and why, in one sentence."""
    why = reason_for_none(data)
    return f"no verdict, because {why}" if why else "structure only, no verdict"


def reason_for_none(data: ReportData) -> str:
    """Why a scan reached no verdict: the gradient or the blocks that it lacks; "" for a map."""
    gaps = [
        (item.what.removesuffix(" and Jacobian spectra"), item.why) for item in data.not_measured
    ]
    # The gradient as a whole says more than that at some blocks.
    of_gradient = sorted((gap for gap in gaps if gap[0].startswith("gradient")), key=_length)
    if of_gradient:
        what, why = of_gradient[0]
        return f"the {what} was not measured: {why}"
    return next((why for what, why in gaps if what.startswith("blocks")), "")


def _length(gap: tuple[str, str]) -> int:
    return len(gap[0])


def chance(data: ReportData) -> str:
    """The probability that the net trains, saying so where no trained nets stand behind it."""
    assert data.verdict is not None
    note = "" if data.verdict.is_calibrated else ", not calibrated"
    return f"{percent(data.verdict.probability)} likely to train{note}"


def finding_line(finding: Finding) -> str:
    """One line, `where  CODE name  reason -> remedy`."""
    where = finding.where or "(whole network)"
    line = f"{where}  {finding.code} {finding.name}  {because(finding)}"
    return line.translate(ONE_LINE)


def because(finding: Finding) -> str:
    """The reason of a finding and the way out of it."""
    return f"{finding.reason} -> {finding.remedy}" if finding.remedy else finding.reason


def against(finding: Finding) -> str:
    """Value and threshold of a finding, with as many digits as tell them apart ("" without)."""
    pair = (finding.value, finding.threshold)
    digits = next((d for d in (3, 6, 9) if _written(pair, d)[0] != _written(pair, d)[1]), 0)
    labels = ("value", "threshold")
    parts = [
        f"{label} {text}"
        for label, value, text in zip(labels, pair, _written(pair, digits or 3), strict=True)
        if value.is_measured
    ]
    return ", ".join(parts) if digits or len(parts) < 2 else ""


def _written(pair: tuple[Value, Value], digits: int) -> tuple[str, str]:
    a, b = (shown(v) if v.value is None else number(v.value, digits=digits) for v in pair)
    return a, b


def note_lines(data: ReportData) -> list[str]:
    """What the verdict does not know, one line each."""
    return [f"{data.target}: note: {note}".translate(ONE_LINE) for note in data.notes]


def github(data: ReportData) -> list[str]:
    """Workflow commands that GitHub shows as annotations, one per finding, then the verdict.

    A scan without a verdict is an error: it exits with 2.
    """
    file = _file_of(data.target)
    lines = []
    for finding in data.findings:
        title = _property(f"{finding.code} {finding.name}")
        where = finding.where or "(whole network)"
        message = _message(f"{where}: {because(finding)}")
        lines.append(f"::{finding.severity} {file}title={title}::{message}")
    lines += [f"::notice {file}title=plusone::{_message(note)}" for note in note_lines(data)]
    level = "notice" if data.verdict is not None or is_map(data) else "error"
    return [*lines, f"::{level} {file}title=plusone::{_message(verdict_line(data))}"]


def _file_of(target: str) -> str:
    path, _, name = target.partition(":")
    return f"file={_property(path)}," if path.endswith(".py") and name else ""


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
