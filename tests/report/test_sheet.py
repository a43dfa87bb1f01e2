from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from plusone.report import Report
from plusone.report.sheet import sheet

from . import samples
from support.chromium import BINARY, browse


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", samples.ALL)
def test_the_figures_as_one_file_are_well_formed_and_stand_alone(name: str) -> None:
    report = Report(samples.ALL[name]())
    svg = report.to_svg()
    assert report.target in "".join(texts(svg)[:1])
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "url(" not in svg


def test_only_the_figures_asked_for_are_shown_for_each_report() -> None:
    reports = (samples.vanishing(), samples.unet())
    shown = texts(sheet(reports, only=("Skips over depth",), titles=("before", "after")))
    assert shown.count("Skips over depth") == 2
    assert "Path lengths" not in shown
    assert "before: vanishing" in shown


def test_a_report_is_saved_as_a_picture(tmp_path: Path) -> None:
    report = Report(samples.unet())
    assert report.save(tmp_path / "unet.svg").read_text("utf-8") == report.to_svg()


@pytest.mark.skipif(BINARY is None, reason="no chromium binary on the PATH")
@pytest.mark.parametrize(("scheme", "is_dark"), [(0, True), (1, False)])
def test_a_browser_paints_the_file_in_the_preferred_colours(
    tmp_path: Path, scheme: int, is_dark: bool
) -> None:
    path = Report(samples.resnet50()).save(tmp_path / "report.svg")
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    page.write_text(
        f'<meta name="color-scheme" content="light dark"><img src="{path.name}" width="800">'
    )
    browse(
        page,
        f"--screenshot={picture}",
        "--window-size=860,1200",
        f"--blink-settings=preferredColorScheme={scheme}",
        profile=tmp_path / "profile",
    )
    with Image.open(picture) as image:
        gray = image.convert("L")
        assert len(gray.getcolors(256) or ()) > 50, "the picture is not empty"
        assert (gray.resize((1, 1)).getpixel((0, 0)) < 128) is is_dark
