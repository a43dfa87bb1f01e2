from __future__ import annotations

import dataclasses

import pytest

from plusone.records import EndToEnd, NotMeasured, ReportData, Value, Verdict
from plusone.report import Report, compare, compare_html

from . import golden, samples
from support.markup import read


def repaired() -> ReportData:
    """The plain net of `samples.vanishing` with an identity skip around each of its blocks."""
    before = samples.vanishing()
    blocks = tuple(
        dataclasses.replace(
            block,
            kind="residual",
            skip="identity",
            gradient_rms=Value.of(1e-3 * 1.02 ** (49 - i)),
            signal_rms=Value.of(1 + 0.1 * i),
        )
        for i, block in enumerate(before.blocks)
    )
    names = [block.name for block in blocks]
    return dataclasses.replace(
        before,
        target="examples/deep.py:residual50",
        verdict=Verdict(label="trainable", probability=0.95, reason="the skips carry the gradient"),
        structure=dataclasses.replace(
            before.structure,
            skips=samples.chain_skips(names, ["identity"] * 50),
            paths=samples.binomial_law(50, branch_gain=0.3),
        ),
        blocks=blocks,
        end_to_end=EndToEnd(log10_gradient_ratio=Value.of(0.4)),
        findings=before.findings[1:],
    )


BEFORE, AFTER = Report(samples.vanishing()), Report(repaired())


@pytest.mark.parametrize("width", [40, 100])
def test_the_comparison_is_as_it_was_looked_at(width: int) -> None:
    golden.check(f"compare_{width}.txt", compare(BEFORE, AFTER, width=width) + "\n")


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
@pytest.mark.parametrize("name", samples.ALL)
def test_no_line_is_wider_than_the_terminal(width: int, name: str) -> None:
    text = compare(BEFORE, Report(samples.ALL[name]()), width=width)
    assert max(map(len, text.split("\n"))) <= width


def test_findings_that_went_and_came_are_named() -> None:
    forth, back = compare(BEFORE, AFTER), compare(AFTER, BEFORE)
    assert "gone  layers.19  G201 vanishing-gradient" in forth
    assert "new   layers.19  G201 vanishing-gradient" in back
    assert "kept  1" in forth


def test_what_differs_is_marked_and_what_does_not_is_not() -> None:
    lines = compare(BEFORE, AFTER).split("\n")
    assert next(line for line in lines if line.startswith("verdict")).endswith("trainable *")
    assert next(line for line in lines if line.startswith("depth")).endswith("50")


def with_loss(report: Report, loss: str) -> Report:
    provenance = dataclasses.replace(report.provenance, loss=loss)
    return Report(dataclasses.replace(report.data, provenance=provenance))


UNLIKE = "gradients are of unlike things, before of random cotangents of unit variance, after of"


def test_gradients_of_unlike_losses_are_said_to_be_so_in_text_and_page() -> None:
    after = with_loss(AFTER, "cross_entropy & <more>")
    text = compare(BEFORE, after, width=500)
    assert f"note:   the {UNLIKE} cross_entropy & <more>:" in text
    page = compare_html(BEFORE, after)
    assert f"Note: the {UNLIKE} cross_entropy &amp; &lt;more&gt;:" in page


def test_a_scan_beside_a_map_says_that_structure_alone_is_compared() -> None:
    a_map = Report(samples.empty())
    assert "note:   after is a map: its structure alone can be compared" in compare(BEFORE, a_map)
    assert "note:   before is a map:" in compare(a_map, BEFORE)
    assert "Note: before is a map:" in compare_html(a_map, BEFORE)


def test_a_scan_without_a_gradient_is_no_map() -> None:
    gap = NotMeasured(what="gradient", why="the loss is detached")
    after = Report(dataclasses.replace(samples.empty(), not_measured=(gap,)))
    assert "note:   no gradient was measured after" in compare(BEFORE, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BEFORE, AFTER),
        (Report(samples.empty()), Report(samples.empty())),
        (BEFORE, with_loss(AFTER, "")),  # not known
    ],
    ids=["one loss", "two maps", "not known"],
)
def test_gradients_of_one_kind_or_none_have_no_note(before: Report, after: Report) -> None:
    assert "note:" not in compare(before, after)
    assert "Note:" not in compare_html(before, after)


def test_a_report_compared_with_itself_has_no_difference() -> None:
    text = compare(BEFORE, BEFORE)
    assert " *" not in text
    assert " -> " not in text
    assert "50 blocks in both, 0 of them changed" in text


def test_reports_without_a_common_block_can_be_compared() -> None:
    text = compare(BEFORE, Report(samples.empty()))
    assert "0 blocks in both" in text
    assert "50 only before, 0 only after" in text


@pytest.mark.parametrize("name", samples.ALL)
def test_the_page_of_a_comparison_is_well_formed_and_offline(name: str) -> None:
    markup = compare_html(BEFORE, Report(samples.ALL[name]()))
    names = {attribute for attribute, _ in read(markup).attributes}
    assert not names & {"src", "href", "id"}
    assert "http" not in markup
    assert "<script" not in markup
