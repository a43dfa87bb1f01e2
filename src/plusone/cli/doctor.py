"""`plusone doctor`: what is installed, and what that means for plusone."""

from __future__ import annotations

import platform
import re
import textwrap
from importlib.metadata import PackageNotFoundError, requires, version

import plusone
from plusone.cli.output import width

_TORCHVISION = {
    "absent": "not installed; timm: and tv: targets need it",
    "complete": "imports as it is",
    "declared": (
        "its compiled operators do not load beside this torch; plusone declares the two that the "
        "import looks for, which models need; nms and the region operators do not work"
    ),
}


def doctor() -> int:
    """Show versions, threads and which extras are missing."""
    import torch

    from plusone.target.torchvision import make_importable

    rows = [
        ("plusone", plusone.__version__),
        ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("torch", torch.__version__),
        ("threads", f"{torch.get_num_threads()} (set OMP_NUM_THREADS to change)"),
        ("devices", _devices()),
        *((name, _version(name)) for name in _required("")),
        *((f"[{extra}]", _extra(extra)) for extra in ("zoo", "demo", "labs", "landscape", "dev")),
        ("torchvision", _TORCHVISION[make_importable()]),
    ]
    # torch itself has its own row, with the build that importlib.metadata does not know.
    print("\n".join(_row(name, text) for name, text in dict(rows).items()))
    return 0


def _devices() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cpu, {torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return "cpu"


def _required(extra: str) -> list[str]:
    """The packages that plusone, or one of its extras, asks for."""
    wanted = f"extra == '{extra}'" if extra else ""
    lines = [line.replace('"', "'") for line in requires("plusone") or []]
    chosen = [line for line in lines if (wanted in line if extra else "extra ==" not in line)]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in chosen]
    return sorted(name for name in names if name != "torch")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "MISSING"


def _extra(extra: str) -> str:
    missing = [name for name in _required(extra) if _version(name) == "MISSING"]
    if not missing:
        return "complete"
    return f'missing {", ".join(missing)}: pip install "plusone[{extra}]"'


def _row(name: str, text: str) -> str:
    return textwrap.fill(
        text,
        width=min(width(), 100),
        initial_indent=f"{name:<14}",
        subsequent_indent=" " * 14,
        break_long_words=False,
    )
