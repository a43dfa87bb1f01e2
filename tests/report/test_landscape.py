"""Landscapes as text, JSON, SVG and pages."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from plusone.errors import MissingExtraError
from plusone.landscape import (
    Density,
    Eigenvalue,
    Eigenvalues,
    Landscape,
    Surface,
    Trace,
    slice_shape,
    surface_shape,
)
from plusone.records import NotMeasured
from plusone.report.landscape_heat import quantised
from plusone.report.landscape_html import landscape_html, landscape_interactive
from plusone.report.landscape_svg import landscape_svg
from plusone.report.landscape_text import landscape_json, landscape_text

GRID = tuple(i / 10 - 1 for i in range(21))


def surface_of(*, lost: bool = False) -> Surface:
    rows = [[1 + a * a + 40 * b * b for a in GRID] for b in GRID]
    if lost:
        rows[3][4:9] = [math.inf, math.nan, math.inf, math.inf, math.nan]
        rows[0] = [None] * 21  # type: ignore[list-item]
    return Surface(across=GRID, up=GRID, losses=tuple(map(tuple, rows)))


def eigenvalue(value: float, *, converged: bool = True) -> Eigenvalue:
    return Eigenvalue(value=value, error=0.01, residual=0.1, converged=converged)


def landscape(*, lost: bool = False) -> Landscape:
    surface = surface_of(lost=lost)
    density = Density(
        nodes=(-1.0, 0.0, 20.0),
        weights=(0.1, 0.8, 0.1),
        grid=tuple(float(t) for t in range(-3, 23)),
        density=tuple(math.exp(-abs(t)) for t in range(-3, 23)),
        stderr=(0.01,) * 26,
        broadening=0.5,
        distance_error=0.004,
        negative_share=0.1,
        converged=True,
        num_steps=40,
        num_probes=2,
        num_products=80,
    )
    return Landscape(
        target="nets.py:<build> & co",
        num_parameters=12_345,
        mode="eval mode",
        seed=0,
        loss=1.0,
        gradient_norm=0.25,
        eigenvalues=Eigenvalues(
            largest=(eigenvalue(20.0),),
            smallest=(eigenvalue(-1.0, converged=False),),
            num_products=12,
        ),
        trace=Trace(
            value=30.0,
            stderr=1.5,
            converged=True,
            num_products=9,
            num_deflated=12,
            deflated=25.0,
            samples=(1.0,) * 9,
        ),
        density=density,
        slices=surface.slices,
        slice_shapes=tuple(map(slice_shape, surface.slices)),
        surface=surface,
        surface_shape=surface_shape(surface),
        torch="2",
        python="3",
    )


def test_the_text_says_each_number_with_its_error() -> None:
    text = " ".join(landscape_text(landscape()).split())
    assert "12.3 k parameters, eval mode; loss 1, length of the gradient 0.25" in text
    assert "lambda max 20 +/- 0.01 (12 products with the Hessian)" in text
    assert "lambda min -1 +/- 0.01 (12 products with the Hessian); not converged" in text
    assert "trace 30 +/- 1.5 (standard error over 9 probes, outside of 12 vectors" in text
    assert "10 % of the eigenvalues below -0.5 (1 kernel width)" in text
    assert "slice 1 1 turn of the slope, second differences below 0 in 0 %" in text
    assert "21 x 21 points to 1 filter lengths; 0 % of the plane curves downwards" in text


def test_the_text_says_what_is_not_finite_not_measured_and_interrupted() -> None:
    gap = NotMeasured(what="curvature", why="no second derivative")
    found = replace(landscape(lost=True), not_measured=(gap,), is_interrupted=True)
    text = " ".join(landscape_text(found, width=40).split())
    assert "of the losses are not finite" in text
    assert "not done curvature: no second derivative" in text
    assert "interrupted what is above had been computed by then" in text
    assert max(map(len, landscape_text(found, width=40).splitlines())) <= 40


def test_the_json_is_valid_and_loses_no_infinity() -> None:
    found = json.loads(landscape_json(landscape(lost=True)))
    assert found["schema"] == "plusone.landscape/1"
    assert found["surface"]["losses"][3][4:6] == ["inf", "nan"]
    assert found["surface"]["losses"][0] == [None] * 21
    assert found["eigenvalues"]["smallest"][0]["converged"] is False
    assert sorted(found) == sorted(Landscape.__dataclass_fields__)


def test_the_picture_is_one_file_that_needs_nothing_else() -> None:
    markup = landscape_svg(landscape(lost=True))
    root = ElementTree.fromstring(markup)
    assert "lambda max: 20" in root.attrib["aria-label"]
    assert "href" not in markup
    assert markup.count("http") == 1  # the namespace
    assert len(markup) < 40_000
    assert 'class="struck"' in markup
    for attribute in re.findall(r' (?:d|x|y|x1|y1|width|height)="([^"]*)"', markup):
        assert "nan" not in attribute
        assert "inf" not in attribute


def test_each_part_is_drawn_where_it_was_measured() -> None:
    found = landscape()
    alone = landscape_svg(replace(found, surface=None, density=None))
    assert "second direction" in alone
    assert "eigenvalue of the Hessian" not in alone
    assert "loss (log)" not in alone
    nothing = landscape_svg(replace(found, surface=None, density=None, slices=()))
    assert ElementTree.fromstring(nothing).tag.endswith("svg")


def test_levels_are_equal_steps_of_the_logarithm() -> None:
    surface = surface_of(lost=True)
    levels, edges, is_log = quantised(surface)
    assert is_log
    assert edges[0] == pytest.approx(1.0)
    assert edges[-1] == pytest.approx(42.0)
    assert levels[10, 10] == 0
    assert levels[20, 0] == 15
    assert set(levels[3, 4:9]) == {-1}
    assert set(levels[0]) == {-2}


def test_losses_below_zero_have_plain_levels() -> None:
    rows = tuple(tuple(a + b for a in GRID) for b in GRID)
    levels, edges, is_log = quantised(Surface(across=GRID, up=GRID, losses=rows))
    assert not is_log
    assert (edges[0], edges[-1]) == pytest.approx((-2.0, 2.0))
    assert levels.min() == 0
    assert levels.max() == 15


def test_a_surface_that_is_flat_or_lost_is_drawn_too() -> None:
    for value in (2.0, math.nan):
        surface = Surface(across=GRID, up=GRID, losses=((value,) * 21,) * 21)
        found = replace(
            landscape(),
            surface=surface,
            slices=surface.slices,
            slice_shapes=tuple(map(slice_shape, surface.slices)),
            surface_shape=surface_shape(surface),
        )
        assert ElementTree.fromstring(landscape_svg(found)).tag.endswith("svg")
        assert landscape_text(found)


def test_the_page_is_offline_and_holds_its_numbers() -> None:
    page = landscape_html(landscape())
    assert "nets.py:&lt;build&gt; &amp; co" in page
    assert "20 ± 0.01" in page
    assert "<link" not in page
    assert page.count("http") == 1
    numbers = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert numbers is not None
    assert json.loads(numbers[1])["target"] == "nets.py:<build> & co"


def test_the_surface_that_turns_is_one_offline_page() -> None:
    pytest.importorskip("plotly")
    page = landscape_interactive(landscape(lost=True))
    assert "Plotly.newPlot" in page
    assert '<script src="http' not in page
    assert '<script charset="utf-8" src="http' not in page
    lines = landscape_interactive(replace(landscape(), surface=None))
    assert "direction 2" in lines


def test_without_plotly_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import plusone.report.landscape_html as module

    def missing(package: str, *, extra: str) -> None:
        raise MissingExtraError(package, extra)

    monkeypatch.setattr(module, "import_extra", missing)
    with pytest.raises(MissingExtraError, match=r'pip install "plusone\[landscape\]"'):
        landscape_interactive(landscape())
