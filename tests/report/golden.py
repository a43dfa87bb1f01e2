"""Golden files: what a rendering was when somebody last looked at it and found it good.

To accept new renderings: `PLUSONE_UPDATE_GOLDEN=1 pytest tests/report`, then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check(name: str, content: str) -> None:
    """Assert that `content` is what the golden file `name` holds, or write it when updating."""
    path = FOLDER / name
    if os.environ.get("PLUSONE_UPDATE_GOLDEN"):
        path.write_text(content, encoding="utf-8")
    assert content == path.read_text(encoding="utf-8"), f"{name} changed; see golden.py"
