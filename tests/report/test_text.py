from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from plusone.errors import InputError
from plusone.records import NotMeasured, Value
from plusone.report import Report
from plusone.report.text import render

from . import golden, samples

WIDTHS = (24, 40, 60, 80, 120)


def words(text: str) -> str:
    """The text without any white space, to compare what is left after wrapping."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", ["resnet50", "vanishing", "broken", "empty", "unet"])
@pytest.mark.parametrize("width", [40, 100])
def test_the_full_text_is_as_it_was_looked_at(name: str, width: int) -> None:
    golden.check(f"{name}_{width}.txt", render(samples.ALL[name](), width=width) + "\n")


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = render(samples.ALL[name](), width=width).split("\n")
    assert max(map(len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_narrow_terminal_loses_no_number(name: str, width: int) -> None:
    wide, narrow = (render(samples.ALL[name](), width=w) for w in (250, width))
    numbers = set(re.findall(r"\d[\d.]*e-\d+|\d+\.\d+", wide))
    assert {number for number in numbers if number not in words(narrow)} == set()


@pytest.mark.parametrize("name", samples.ALL)
@pytest.mark.parametrize("format", ["full", "concise"])
def test_colour_adds_nothing_but_colour(name: str, format: str) -> None:
    plain = render(samples.ALL[name](), format=format)  # type: ignore[arg-type]
    colored = render(samples.ALL[name](), format=format, color=True)  # type: ignore[arg-type]
    assert "\x1b" not in plain
    assert "\x1b" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain


def test_notes_stand_under_the_verdict_in_every_format() -> None:
    data = replace(samples.vanishing(), notes=("all 6 parameters are frozen",))
    full = render(data).split("\n")
    assert full[full.index("note: all 6 parameters are frozen") - 1] == data.verdict.reason  # type: ignore[union-attr]
    target = "examples/deep.py:plain50"
    assert render(data, format="concise").split("\n")[1] == (
        f"{target}: note: all 6 parameters are frozen"
    )
    github = render(data, format="github")
    assert f"title=plusone::{target}: note: all 6 parameters are frozen" in github


def test_the_closed_form_beside_the_measured_gradient_says_why_they_may_differ() -> None:
    ends = replace(samples.unet().end_to_end, log10_closed_form=Value.of(-0.9))
    text = words(render(replace(samples.unet(), end_to_end=ends)))
    reason = "trained weights, narrow blocks and skips around several blocks make it differ"
    assert words(reason) in text
    assert words(reason) not in words(render(samples.unet()))


def test_a_structure_without_a_verdict_keeps_its_notes() -> None:
    assert "note: frozen" in render(replace(samples.empty(), notes=("frozen",)))


def test_the_verdict_and_the_findings_come_first() -> None:
    text = render(samples.vanishing())
    order = [
        "VANISHING",
        "layers.19  G201",
        "-> identity skip around",
        "depth 50",
        "\nblock ",
        "not measured",
        "random cotangents of unit variance",
    ]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)


def test_concise_is_the_verdict_and_one_line_per_finding() -> None:
    first, *rest = render(samples.vanishing(), format="concise").split("\n")
    assert first.startswith("examples/deep.py:plain50: vanishing (<1 % likely to train)")
    assert rest[0] == (
        "layers.19  G201 vanishing-gradient  gradient rms 8.7e-22, 1e18 times below the last block"
        " -> identity skip around every 2 layers"
    )
    assert rest[1].startswith("(whole network)  S101 deep-stack-without-skip  50 blocks")
    assert len(rest) == 2


def test_line_breaks_in_names_cannot_make_lines() -> None:
    data = samples.hostile()
    concise = render(data, format="concise").split("\n")
    assert len(concise) == 1 + len(data.notes) + len(data.findings)
    annotations = render(data, format="github").split("\n")
    assert [line.split(" ")[0] for line in annotations] == ["::error", "::notice", "::notice"]


def test_github_annotations_name_the_file_and_escape_their_properties() -> None:
    error, warning, notice = render(samples.vanishing(), format="github").split("\n")
    assert error.startswith(
        "::error file=examples/deep.py,title=G201 vanishing-gradient::layers.19: gradient"
    )
    assert warning.startswith("::warning file=examples/deep.py,title=S101")
    assert notice.startswith("::notice file=examples/deep.py,title=plusone::")
    assert "<1 %25 likely" in notice


def test_many_blocks_are_folded_but_those_that_findings_name_are_shown() -> None:
    text = render(samples.vanishing())
    table = text[text.index("block  ") :]
    assert re.search(r"^layers\.19 +plain", table, re.MULTILINE)
    assert "layers.7 .. 18 (x12)" in table
    assert "Rows of several blocks show medians." in text
    assert len(render(samples.thousand()).split("\n")) < 80


def test_repeats_are_folded_with_their_number() -> None:
    assert "layer3.1 x5" in render(samples.resnet50())
    assert "0.self_attention x12" in render(samples.mixed_transformer(), width=200)


def test_numbers_that_are_not_finite_are_named_and_missing_ones_are_dashes() -> None:
    broken = render(samples.broken())
    assert re.search(r"^blocks\.3 +scaled +inf +nan", broken, re.MULTILINE)
    assert "nan / -inf / inf" in broken
    unet = render(samples.unet())
    assert not re.search(r"F/skip", unet), "a column that nobody measured is left out"


def test_structure_alone_has_no_verdict_and_says_why() -> None:
    text = render(samples.empty())
    assert "structure only, no verdict" in text
    assert "everything but structure: this is a map" in text
    assert "No findings" not in text


@pytest.mark.parametrize("format", ["full", "concise", "github"])
def test_a_scan_without_a_verdict_says_why_in_its_first_lines(format: Any) -> None:
    gap = NotMeasured(what="gradient and Jacobian spectra", why="the loss raised\nKeyError: 'x'")
    data = replace(samples.unet(), verdict=None, findings=(), not_measured=(gap,))
    start = " ".join(render(data, format=format).splitlines()[:3])
    assert "the gradient was not measured: the loss raised" in start.replace("%0A", " ")
    assert "structure only" not in start
    assert start.startswith("::error") == (format == "github")


def test_an_unknown_format_is_refused() -> None:
    # A TypeError where the type checker of the test run gets there first.
    with pytest.raises((InputError, TypeError), match="'xml'"):
        Report(samples.unet()).to_text(format="xml")  # type: ignore[arg-type]
