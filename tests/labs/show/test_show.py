"""A lab's result as text, page, table, JSON and pictures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plusone.labs import LabResult, run_lab
from plusone.labs.base.claim import Table
from plusone.labs.show.figures import ORANGE, PAPER, alone, draw
from plusone.labs.show.gallery import gallery_html
from plusone.labs.show.json import results_json
from plusone.labs.show.markdown import results_markdown
from plusone.labs.show.text import list_text, result_text

from support.chromium import BINARY, browse


@pytest.fixture
def result(tiny: Path) -> LabResult:
    return run_lab("tiny")


def test_the_text_says_claim_predicted_measured_and_answer(result: LabResult) -> None:
    text = result_text(result, width=100)
    assert text.splitlines()[0] == "tiny: holds"
    assert "yes    two minus one: predicted 0.5 to 1.5, measured 1 (0.941 to 1.07)" in text
    assert "no     a limit that is missed: predicted at least 5, measured 1" in text
    assert "value: two minus one 1 (0.941 to 1.07); Hedges' g" in text
    assert "Two is 2.01." in text


def _with(result: LabResult, *, over: str = "seeds", unmeasured: str = "") -> LabResult:
    first, *rest = result.outcomes
    first = replace(first, prediction=replace(first.prediction, over=over), unmeasured=unmeasured)
    if unmeasured:
        first = replace(first, verdict="not measured")
    effect = replace(result.effects[0], over=over)
    return replace(result, outcomes=(first, *rest), effects=(effect,))


@pytest.mark.parametrize(
    "shown",
    [
        lambda r: " ".join(result_text(r).split()),
        lambda r: gallery_html([r]),
        lambda r: results_markdown([r], command=""),
    ],
)
def test_text_page_and_table_say_what_counts_and_what_repeats_are(
    result: LabResult, shown: Callable[[LabResult], str]
) -> None:
    plain, named = shown(result), shown(_with(result, over="chains"))
    assert "at best, and limits do not count." in plain
    assert "(0.941 to 1.07)" in plain
    assert "(0.941 to 1.07, over 2 chains)" in named
    assert ", 2 chains" in named
    missing = shown(_with(result, unmeasured="there is one bond"))
    assert "not measured: there is one bond" in missing
    assert "measured not measured" not in missing


def test_the_text_fits_a_narrow_terminal(result: LabResult) -> None:
    assert max(map(len, result_text(result, width=40).splitlines())) <= 40
    assert max(map(len, list_text(width=40).splitlines())) <= 40


def test_colours_change_no_word(result: LabResult) -> None:
    plain = result_text(result)
    colored = result_text(result, color=True)
    assert colored != plain
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == plain


def test_the_page_holds_every_number_and_picture_and_no_address(result: LabResult) -> None:
    page = gallery_html([result])
    for text in ("Two is more than one", "predicted", "0.5 to 1.5", "plusone lab run tiny"):
        assert text in page
    assert page.count("<svg") == page.count("</svg>") == 1
    assert not re.search(r'(src|href)="(?!#)', page)
    assert not re.search(r"url\((?!#)", page)


def test_markup_in_a_lab_is_escaped(result: LabResult) -> None:
    assert "2 &gt; 1" in gallery_html([result])


@pytest.mark.skipif(BINARY is None, reason="no chromium binary on the PATH")
def test_a_browser_shows_the_page(result: LabResult, tmp_path: Path) -> None:
    path = tmp_path / "labs.html"
    path.write_text(gallery_html([result]))
    dom = browse(path, "--dump-dom", profile=tmp_path / "profile")
    assert "Residual connections, measured" in dom
    assert "Two is more than one" in dom


def test_json_holds_states_of_numbers_that_are_not_finite(result: LabResult) -> None:
    found = json.loads(results_json([result]))
    assert found["schema"] == "plusone.labs/1"
    lab = found["results"][0]
    assert lab["outcomes"][2]["prediction"] == {
        "key": "end",
        "text": "a limit that is missed",
        "low": 5.0,
        "high": "inf",
        "role": "limit",
        "within": ["-inf", "inf"],
        "over": "seeds",
    }
    assert lab["command"] == "plusone lab run tiny"
    assert "figures" not in lab


def test_the_table_for_the_docs_has_a_row_for_each_prediction(result: LabResult) -> None:
    text = results_markdown([result], command="plusone lab run all --full")
    assert "| two minus one | claim | 0.5 to 1.5 | 1 (0.941 to 1.07) | yes |" in text
    assert "`plusone lab run all --full`" in text


def test_the_data_behind_figures_are_in_the_docs_and_on_the_page(result: LabResult) -> None:
    table = Table(
        title="a < b", columns=("net", "loss | x"), rows=(("plain", 0.5), ("b", math.nan))
    )
    result = replace(result, tables=(table,))
    text = results_markdown([result], command="")
    assert "<details><summary>a &lt; b</summary>" in text
    assert "| net | loss \\| x |\n|---|---|\n| plain | 0.5 |\n| b | - |" in text
    page = gallery_html([result])
    assert "<td>plain</td><td>0.5</td>" in page
    assert "<td>b</td><td>-</td>" in page


def test_a_picture_has_variables_in_place_of_colours_and_ids_of_its_own() -> None:
    first = draw(lambda axes: axes[0].plot([0, 1], [0, 1], color=ORANGE, label="a"))
    second = draw(lambda axes: axes[0].plot([0, 1], [1, 0], color=ORANGE, label="a"))
    assert "var(--orange)" in first
    assert ORANGE not in first
    assert PAPER not in first
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_picture_is_the_same_in_every_run() -> None:
    assert len({draw(lambda axes: axes[0].plot([0, 1], [0, 1])) for _ in range(2)}) == 1


def test_a_picture_alone_declares_its_colours() -> None:
    svg = alone(draw(lambda axes: axes[0].plot([0, 1], [0, 1], color=ORANGE)))
    assert "--orange: light-dark(#b8540f, #eda163);" in svg
    assert svg.startswith("<svg")
