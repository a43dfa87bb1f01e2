from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from plusone.report import Report

from . import samples
from support.chromium import BINARY, browse

pytestmark = pytest.mark.skipif(BINARY is None, reason="no chromium binary on the PATH")


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def test_a_browser_shows_the_verdict_of_a_page_opened_from_its_file(
    tmp_path: Path, profile: Path
) -> None:
    path = Report(samples.vanishing()).save(tmp_path / "report.html")
    dom = browse(path, "--dump-dom", profile=profile)
    assert "vanishing" in dom
    assert "G201" in dom
    assert dom.count("<svg") == dom.count("</svg>") == 6


def test_names_with_scripts_in_them_do_not_run_in_a_browser(tmp_path: Path, profile: Path) -> None:
    path = Report(samples.hostile()).save(tmp_path / "report.html")
    dom = browse(path, "--dump-dom", "--virtual-time-budget=1000", profile=profile)
    assert dom.count("<script") == 1
    assert '&lt;script&gt;alert("x")&lt;/script&gt;' in dom


@pytest.mark.parametrize(("scheme", "is_dark"), [(0, True), (1, False)])
def test_a_browser_paints_the_page_in_the_preferred_colours(
    tmp_path: Path, profile: Path, scheme: int, is_dark: bool
) -> None:
    path = Report(samples.resnet50()).save(tmp_path / "report.html")
    picture = tmp_path / "picture.png"
    browse(
        path,
        f"--screenshot={picture}",
        "--window-size=860,1400",
        f"--blink-settings=preferredColorScheme={scheme}",
        profile=profile,
    )
    with Image.open(picture) as image:
        assert image.size == (860, 1400)
        gray = image.convert("L")
        brightness = gray.resize((1, 1)).getpixel((0, 0))
        assert len(gray.getcolors(256) or ()) > 50, "the picture is not empty"
    assert (brightness < 128) is is_dark


def test_a_page_fits_a_phone_without_scrolling_sideways(tmp_path: Path, profile: Path) -> None:
    """A frame of 360 pixels, in which the page writes down how wide it became."""
    report = Report(samples.mixed_transformer()).to_html()
    probe = "<script>document.title = document.documentElement.scrollWidth</script></body>"
    (tmp_path / "page.html").write_text(report.replace("</body>", probe), encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        '<iframe src="page.html" style="width:360px;height:900px;border:0" '
        "onload=\"document.body.append('width ' + this.contentDocument.title)\"></iframe>",
        encoding="utf-8",
    )
    dom = browse(
        outer,
        "--dump-dom",
        "--allow-file-access-from-files",
        "--virtual-time-budget=3000",
        profile=profile,
    )
    assert "width 360" in dom
