from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from plusone.records import ReportData, Spectrum, Value
from plusone.report.blocktable import rows, widths
from plusone.report.columns import MEASURES
from plusone.report.html import page, style

from . import samples
from support.chromium import BINARY, browse

# Of each cell: whether what it says leaves it or, for a number, is on more than one line. Of the
# whole: how far it can be scrolled, and where the names stand when it is scrolled to its end.
PROBE = """<script>
for (const fold of document.querySelectorAll("details")) fold.open = true;
const scroll = document.querySelector(".scroll"), bad = [];
const cells = scroll.querySelectorAll("td, th, summary span");
for (const cell of cells) {
  const text = document.createRange();
  text.selectNodeContents(cell);
  const inner = text.getBoundingClientRect(), outer = cell.getBoundingClientRect();
  const isName = cell.matches("tbody th, summary span:nth-child(2)");
  const isOut = inner.width && (inner.left < outer.left - 0.5 || inner.right > outer.right + 0.5);
  if (isOut || (!isName && inner.height > 22)) bad.push(cell.textContent);
}
const hidden = scroll.scrollWidth - scroll.clientWidth;
scroll.scrollLeft = 9999;
const left = scroll.getBoundingClientRect().left;
const stuck = [...scroll.querySelectorAll("tbody th, thead th:nth-child(2)")].every(
  name => Math.abs(name.getBoundingClientRect().left - left) < 1);
const wide = document.documentElement.scrollWidth;
document.title = JSON.stringify([cells.length, bad, hidden, stuck, wide]);
</script></body>"""


def transformer(*, num_blocks: int = 24) -> ReportData:
    """A net with every column, numbers of all lengths, and findings at two blocks."""
    data = samples.resnet50()
    blocks = tuple(
        dataclasses.replace(
            data.blocks[i % 16],
            name=f"blocks.{i // 2}.{'attn' if i % 2 == 0 else 'mlp'}",
            module="",
            residual_ratio=Value.of(0.0104 + 1e-4 * i),
            gradient_rms=Value.of(3.1e-18 * 7.7 ** (i % 24)),
            jacobian=Spectrum(
                spectral_norm=Value.of(1.53),
                frobenius_rms=Value.of(1.01),
                stable_rank=Value.of(200_704.0 - 7 * i),
            ),
            branch_jacobian=Spectrum(
                spectral_norm=Value.of(0.826), frobenius_rms=Value.of(0.00938)
            ),
            similarity=Value.of(0.00295 + 1e-5 * i),
            token_similarity=Value.of(0.00393 + 1e-5 * i),
            rank=Value.of(3.96),
        )
        for i in range(num_blocks)
    )
    named = dataclasses.replace(samples.vanishing().findings[1], where=blocks[3].name)
    findings = (named, dataclasses.replace(named, code="G201", severity="error"))
    return dataclasses.replace(data, blocks=blocks, findings=findings)


def test_each_column_is_as_wide_as_its_longest_number() -> None:
    data = transformer()
    found = widths(data, rows(data))
    assert len(found.columns) == 3 + 11
    percents = re.findall(r"--c\d+:([\d.]+)%", found.shares)
    assert sum(map(float, percents)) == pytest.approx(100, abs=0.1)
    assert found.columns[4] > len("3.1e-18")
    assert found.columns[9] < found.columns[10], "|F| is shorter than F rms"
    assert found.total < 110, "what 840 pixels hold in the widest of the usual fonts"


def test_a_long_name_does_not_make_the_table_wide() -> None:
    data = samples.mixed_transformer()
    assert widths(data, rows(data)).columns[1] < 22


def test_a_warning_beside_an_error_keeps_its_colour() -> None:
    markup = page(transformer())
    assert '<b class="code warning">S101</b> <b class="code">G201</b>' in markup


@pytest.mark.parametrize(("num_blocks", "limit"), [(16, 100_000), (1000, 1_000_000)])
def test_a_page_with_every_column_stays_within_its_budget(num_blocks: int, limit: int) -> None:
    assert len(page(transformer(num_blocks=num_blocks)).encode()) < limit


def test_every_column_that_there_may_be_has_its_width_in_the_style_sheet() -> None:
    styled = re.findall(r"nth-child\((\d+)\) \{ width: var\(--c\1\); \}", style())
    assert [int(place) for place in styled] == list(range(1, 3 + len(MEASURES) + 1))


@pytest.mark.skipif(BINARY is None, reason="no chromium binary on the PATH")
@pytest.mark.parametrize("width", [900, 390])
@pytest.mark.parametrize("num_blocks", [24, 60])
def test_no_number_is_cut_broken_or_run_into_another(
    tmp_path: Path, width: int, num_blocks: int
) -> None:
    markup = page(transformer(num_blocks=num_blocks)).replace("</body>", PROBE)
    (tmp_path / "page.html").write_text(markup, encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="page.html" style="width:{width}px;height:900px;border:0" '
        "onload=\"document.body.append('found ' + this.contentDocument.title)\"></iframe>",
        encoding="utf-8",
    )
    options = ("--dump-dom", "--allow-file-access-from-files", "--virtual-time-budget=3000")
    dom = browse(outer, *options, profile=tmp_path / "profile")
    found = re.search(r"found \[(\d+),\[(.*?)\],(\d+),(\w+),(\d+)\]", dom)
    assert found is not None, dom
    assert int(found[1]) >= (num_blocks + 1) * 14
    assert found[2] == "", "cells that are cut or broken"
    assert found[5] == str(width), "the page itself does not scroll sideways"
    if width == 900:
        assert found[3] == "0", "nothing is hidden"
    else:
        assert int(found[3]) > 100, "the table scrolls"
        assert found[4] == "true", "names stay where they are"
