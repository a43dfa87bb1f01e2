from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from plusone.records import NotMeasured
from plusone.report import HealthyBand, Report
from plusone.report.html import fragment, page
from plusone.report.json import decode

from . import golden, samples
from support.markup import check_offline, read


@pytest.mark.parametrize("name", samples.ALL)
def test_every_page_is_well_formed(name: str) -> None:
    read(page(samples.ALL[name]()))
    read(fragment(samples.ALL[name]()))


def test_notes_stand_in_the_header() -> None:
    markup = fragment(replace(samples.unet(), notes=("all 6 parameters are frozen",)))
    header = markup[markup.index("<header") : markup.index("</header>")]
    assert '<p class="reason">Note: all 6 parameters are frozen.</p>' in header


@pytest.mark.parametrize("name", samples.ALL)
def test_no_page_needs_anything_from_outside(name: str) -> None:
    check_offline(page(samples.ALL[name]()))


@pytest.mark.parametrize("name", samples.ALL)
def test_no_page_has_ids_handlers_or_scripts_that_run(name: str) -> None:
    checker = read(page(samples.ALL[name]()))
    assert not [key for key, _ in checker.attributes if key == "id" or key.startswith("on")]
    assert checker.tags.count("script") <= 1
    if "script" in checker.tags:
        assert ("type", "application/json") in checker.attributes


@pytest.mark.parametrize(
    ("name", "limit"), [("resnet50", 100_000), ("thousand", 1_000_000), ("unet", 100_000)]
)
def test_a_page_stays_within_its_budget(name: str, limit: int) -> None:
    assert len(page(samples.ALL[name]()).encode()) < limit


def test_names_cannot_break_out_of_the_page() -> None:
    markup = page(samples.hostile())
    checker = read(markup)
    assert "alert" in "".join(checker.text)
    assert not re.search(r"<script>alert", markup)
    assert checker.tags.count("b") == len(re.findall(r"<b[ >]", markup))


def test_the_embedded_numbers_are_the_report() -> None:
    for data in (samples.resnet50(), samples.hostile()):
        match = re.search(
            r'<script type="application/json"[^>]*>(.*?)</script>', page(data), re.DOTALL
        )
        assert match is not None
        json.loads(match[1])
        assert decode(match[1]) == data


def test_numbers_that_would_make_a_page_too_big_are_not_embedded() -> None:
    assert "plusone-numbers" in page(samples.resnet50())
    assert "plusone-numbers" not in page(samples.thousand())


def test_the_sections_come_in_reading_order() -> None:
    markup = page(samples.resnet50())
    order = [
        "Trainable".lower(),
        "Findings",
        "Skips over depth",
        "Gradient and signal over depth",
        "Jacobian of each block",
        "Path lengths",
        "Smoothing and rank",
        ">Blocks<",
        "Not measured",
        "How it was measured",
    ]
    positions = [markup.index(part, markup.index("<body>")) for part in order]
    assert positions == sorted(positions)


def test_the_fragment_for_notebooks_styles_itself_alone() -> None:
    markup = Report(samples.resnet50())._repr_html_()
    assert markup.startswith('<div class="plusone-report">')
    style = re.search(r"<style>(.*?)</style>", markup, re.DOTALL)
    assert style is not None
    depth = 0
    for line in style[1].splitlines():
        if depth == 0 and line.strip():
            assert line.startswith(".plusone-report {"), line
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_an_empty_report_has_a_page_without_figures() -> None:
    checker = read(page(samples.empty()))
    assert "svg" not in checker.tags
    assert "Structure only" in checker.text


def test_a_scan_without_a_verdict_says_why_in_its_header() -> None:
    gap = NotMeasured(what="gradient", why="the loss raised KeyError: 'x'")
    data = replace(samples.unet(), verdict=None, findings=(), not_measured=(gap,))
    text = "".join(read(page(data)).text)
    assert "No verdict" in text
    assert "the gradient was not measured: the loss raised KeyError: 'x'" in text
    assert "Structure only" not in text


def test_repeats_are_folded_into_details_with_their_number() -> None:
    markup = page(samples.thousand())
    assert markup.count("<details>") == 4
    assert "stages.0.blocks.1 … 249 x249" in markup
    assert "stages.0.blocks.137<" in markup, "folded rows are still there"


def test_the_block_that_a_finding_names_stands_outside_its_fold() -> None:
    markup = page(samples.vanishing())
    assert re.search(r'<tr class="named error">.*layers\.19 <b class="code">G201</b>', markup)
    assert "layers.1 … 18 x18" in markup


def test_the_healthy_band_is_said_in_the_caption() -> None:
    markup = page(samples.resnet50(), band=HealthyBand(gradient=(0.1, 10.0)))
    assert "gradient within 0.1 to 10 times that of the last block" in markup
    assert markup != page(samples.resnet50())


@pytest.mark.parametrize("name", ["resnet50", "unet", "broken"])
def test_the_fragment_is_as_it_was_looked_at(name: str) -> None:
    golden.check(f"{name}.html", fragment(samples.ALL[name](), is_styled=False))
