"""docs/nn.md: its examples run, one after the other, and it names everything that is public."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import plusone.nn
import plusone.testing

PAGE = Path(__file__).parents[2] / "docs" / "nn.md"
BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_examples_run_one_after_the_other() -> None:
    text = PAGE.read_text("utf-8")
    names: dict[str, object] = {"__name__": "page"}
    found = list(BLOCKS.finditer(text))
    assert len(found) >= 8
    for block in found:
        first_line = text[: block.start(1)].count("\n")
        source = "\n" * first_line + block[1]  # so that a failure names the page's line
        exec(compile(source, str(PAGE), "exec"), names)


@pytest.mark.parametrize("package", [plusone.nn, plusone.testing])
def test_every_public_name_is_imported_in_an_example_and_stands_in_the_text(
    package: object,
) -> None:
    text = PAGE.read_text("utf-8")
    examples = "\n".join(block[1] for block in BLOCKS.finditer(text))
    prose = BLOCKS.sub("", text)
    names: list[str] = package.__all__  # type: ignore[attr-defined]
    for place in (examples, prose):
        missing = [n for n in names if not re.search(rf"\b{n}\b", place)]
        assert not missing
