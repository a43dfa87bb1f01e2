"""`plusone predict`: closed forms in the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from plusone.theory import predict as predicted

from .conftest import Ran

Run = Callable[..., Ran]


def test_it_prints_the_label_and_both_norms(run: Run) -> None:
    ran = run("predict", "--depth", "200", "--density", "0.3", "--activation", "linear")
    assert ran.code == 0
    text = " ".join(ran.out.split())
    assert "exploding: the typical gradient grows by 9.0 decades, 3 are allowed" in text
    assert "2.4 decades above the typical net: a few rare nets make it" in text
    assert "the cosine of two unlike inputs stays at 0" in text
    assert "assumes random weights, as at the start, and very many units: a scan of one net" in text


def test_its_numbers_are_those_of_the_closed_form(run: Run) -> None:
    ran = run("predict", "--depth", "40", "--density", "0.5", "--gain", "0.5", "--json", "-")
    found, exact = json.loads(ran.out), predicted(40, 0.5, gain=0.5, activation="relu")
    assert found["schema"] == "plusone.prediction/1"
    assert found["log10_rms_norm"] == float(exact.log10_rms_norm)
    assert found["log10_typical_norm"] == float(exact.log10_typical_norm)
    assert len(found["one_minus_cosine"]) == 41


def test_infinities_stay_valid_json(run: Run, tmp_path: Path) -> None:
    ran = run("predict", "--pattern", "100", "--gain", "0", "--json", str(tmp_path / "p.json"))
    assert "vanishing: no gradient reaches the input" in ran.out
    assert json.loads((tmp_path / "p.json").read_text())["log10_rms_norm"] == "-inf"


def test_the_phases_are_a_table_of_letters(run: Run) -> None:
    ran = run("predict", "--depth", "5", "--density", "1", "--gain", "4", "--phases")
    row = next(line for line in ran.out.splitlines() if line.strip().startswith("0.5 "))
    assert row.split()[1:3] == ["t", "t"]
    assert row.split()[-1] == "e"


def test_a_narrow_terminal_is_filled_and_not_exceeded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    ran = run("predict", "--depth", "200", "--density", "0.3")
    assert max(map(len, ran.out.splitlines())) <= 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --depth and --density, or a --pattern"),
        (("--depth", "3"), "give --depth and --density, or a --pattern"),
        (("--depth", "3", "--density", "1.5"), "density is a probability between 0 and 1, not 1.5"),
        (("--depth", "-3", "--density", "1"), "depth is a whole number of blocks from 1"),
        (("--depth", "3", "--pattern", "11"), "names 2 blocks and depth is 3"),
        (("--density", "0.5", "--pattern", "11"), "so density is left out"),
        (("--pattern", "1x1"), "--pattern '1x1' cannot be read: write 1 and 0"),
        (("--depth", "3", "--density", "1", "--scale", "half"), "scale as a name is one of"),
        (("--depth", "3", "--density", "1", "--placement", "post"), "says where the norm stands"),
        (("--depth", "3", "--density", "1", "--json", "/nowhere/p.json"), "cannot be written"),
    ],
)
def test_what_contradicts_is_one_sentence(run: Run, options: tuple[str, ...], message: str) -> None:
    ran = run("predict", *options)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_the_phases_are_a_picture(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "phases.svg"
    ran = run("predict", "--depth", "5", "--density", "1", "--gain", "0.8", "--svg", str(file))
    assert ran.code == 0
    root = ElementTree.parse(file).getroot()
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any(re.fullmatch(r"density 0, depth .*: vanishing", title) for title in titles)
    assert any(re.fullmatch(r"density 1, depth .*: exploding", title) for title in titles)
    assert ">depth 5, density 1</text>" in file.read_text()


def test_the_picture_reaches_to_a_depth_beyond_its_usual_end(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "phases.svg"
    run("predict", "--depth", "30000", "--density", "0.97", "--svg", str(file))
    assert re.search(r"<title>density 1, depth [\d,]+ to 30,000:", file.read_text())
    assert ">depth 30,000, density 0.97</text>" in file.read_text()


def test_a_pattern_is_no_point_of_the_picture(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "phases.svg"
    assert run("predict", "--pattern", "110", "--svg", str(file)).code == 0
    assert 'class="point"' not in file.read_text()


def test_the_files_that_were_written_are_named_on_stderr_unless_quiet(
    run: Run, tmp_path: Path
) -> None:
    svg, saved = tmp_path / "p.svg", tmp_path / "p.json"
    arguments = ("--depth", "5", "--density", "1", "--svg", str(svg), "--json", str(saved))
    assert run("predict", *arguments).err == f"wrote {svg}\nwrote {saved}\n"
    assert run("predict", *arguments, "--quiet").err == ""


def test_options_that_contradict_write_no_picture(run: Run, tmp_path: Path) -> None:
    svg = tmp_path / "p.svg"
    assert run("predict", "--depth", "5", "--density", "2", "--svg", str(svg)).code == 2
    assert not svg.exists()


def test_a_picture_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    ran = run("predict", "--depth", "5", "--density", "1", "--svg", str(tmp_path / "no" / "a.svg"))
    assert ran.code == 2
    assert "cannot be written" in ran.err
