"""docs/landscape.md: its example runs, and it names what is public."""

from __future__ import annotations

import re
from pathlib import Path

import plusone.landscape

PAGE = Path(__file__).parents[2] / "docs" / "landscape.md"
BLOCKS = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_example_runs() -> None:
    text = PAGE.read_text("utf-8")
    (block,) = BLOCKS.finditer(text)
    source = "\n" * text[: block.start(1)].count("\n") + block[1]
    exec(compile(source, str(PAGE), "exec"), {"__name__": "page"})


def test_every_function_and_record_of_settings_is_named() -> None:
    text = PAGE.read_text("utf-8")
    internal = {"Lanczos", "SymmetricOperator", "recurrence_of", "survey_subject", "terrain_of"}
    internal |= {"Eigenvalue", "SliceShape", "SurfaceShape", "SurveyConfig"}
    missing = [n for n in plusone.landscape.__all__ if not re.search(rf"\b{n}\b", text)]
    assert set(missing) <= internal
