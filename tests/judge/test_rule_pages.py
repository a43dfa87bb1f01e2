"""Each code has an example that breaks it at the place it says, a mended one, and a page."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import plusone
from plusone.judge.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "rules"

# The block to blame in each example; the whole of the model is built for it.
PLACES = {
    "A301": "layers.0",
    "A302": "blocks.1",
    "A303": "layers.6",
    "A304": "layers.0",
    "A305": "layers.0",
    "G201": "blocks.0",
    "G202": "blocks.0",
    "G203": "layers.2",
    "J401": "blocks.6",
    "N501": "blocks.0",
    "S101": "layers.0",
    "S102": "blocks.0",
    "S104": "layer4",
    "S105": "pool@3",
    "S106": "encoder",
    "S107": "model.cat",
}
# What one and the same fault also is.
ALSO = {"A301": {"G202"}, "A304": {"G201"}, "S101": {"A305"}}


@pytest.fixture
def example(code: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(ROOT / "examples" / "rules")
    yield importlib.import_module(code.lower())
    for name in (code.lower(), "packaged_data"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("code", RULES)
def test_the_broken_example_is_accused_where_it_is_broken(code: str, example: ModuleType) -> None:
    model, inputs, targets, loss_fn = example.broken()
    report = plusone.scan(model, inputs, targets=targets, loss_fn=loss_fn)
    assert {f.code for f in report.findings} == {code} | ALSO.get(code, set())
    assert next(f.where for f in report.findings if f.code == code) == PLACES[code]


@pytest.mark.parametrize("code", RULES)
def test_the_mended_example_is_silent(code: str, example: ModuleType) -> None:
    model, inputs, targets, loss_fn = example.mended()
    report = plusone.scan(model, inputs, targets=targets, loss_fn=loss_fn)
    assert report.findings == ()
    assert report.verdict is not None
    assert report.verdict.label == "trainable"


@pytest.mark.parametrize("code", RULES)
def test_the_page_of_a_code_tells_what_the_rule_and_the_example_say_today(code: str) -> None:
    rule, page = RULES[code], (PAGES / f"{code}.md").read_text("utf-8")
    for said in (rule.summary, rule.why, rule.fix, rule.limits, rule.reference):
        assert said in page
    source = (ROOT / "examples" / "rules" / f"{code.lower()}.py").read_text("utf-8")
    shown = re.findall(r"```python\n(.*?)\n```", page, re.DOTALL)
    assert len(shown) == 1
    assert shown[0] in source
    assert f"{PLACES[code]}  {code} {rule.name}" in page
    assert (PAGES / f"{code}.svg").is_file()
    assert f"[{code}]({code}.md)" in (PAGES / "README.md").read_text("utf-8")
