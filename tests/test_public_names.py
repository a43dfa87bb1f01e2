"""The public names, and that `plusone.scan` is the function in whatever order things load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import plusone

NAMES = [
    "CaptureError",
    "Finding",
    "InputError",
    "MissingExtraError",
    "PlusoneError",
    "Report",
    "ReportError",
    "Residual",
    "ScanConfig",
    "Skip",
    "TargetError",
    "Value",
    "Verdict",
    "fix",
    "predict",
    "scan",
]


def test_the_public_names_are_a_frozen_list() -> None:
    assert sorted(plusone.__all__) == NAMES
    assert all(getattr(plusone, name) is not None for name in NAMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'plusone' has no attribute 'scna'"):
        _ = plusone.scna  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "program",
    [
        "import plusone; f = plusone.scan",
        "from plusone import scan as f",
        pytest.param("import plusone.scan; f = plusone.scan", marks=pytest.mark.long),
        pytest.param(
            "from plusone.scan import scan_subject; import plusone; f = plusone.scan",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "import plusone; plusone.scan; from plusone.scan import scan_subject; f = plusone.scan",
            marks=pytest.mark.long,
        ),
        "import importlib, plusone; importlib.import_module('plusone.scan'); f = plusone.scan",
    ],
)
def test_scan_is_the_function_in_any_order_of_imports(program: str) -> None:
    check = "import types; assert isinstance(f, types.FunctionType), f; print(f.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; {check}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "scan", done.stderr


def test_importing_the_package_loads_no_torch() -> None:
    program = "import sys, plusone; plusone.ScanConfig; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_report_is_reached_through_the_package_without_torch() -> None:
    program = (
        "import sys, plusone; plusone.report.json_schema(); "
        "assert 'report' in dir(plusone); assert 'torch' not in sys.modules; "
        "from plusone.report import Report; assert plusone.Report is Report"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_blocks_and_assertions_are_reached_through_the_package() -> None:
    program = (
        "import plusone, plusone.nn, plusone.testing; "
        "assert plusone.Residual is plusone.nn.Residual; "
        "assert plusone.testing.ResidualContract and {'nn', 'testing'} <= set(dir(plusone))"
    )
    lazily = program.replace(", plusone.nn, plusone.testing", "")
    for way in (program, lazily):
        subprocess.run([sys.executable, "-c", way], check=True, timeout=60)


def test_landscapes_are_reached_through_the_package() -> None:
    program = (
        "import sys, plusone; assert 'torch' not in sys.modules; "
        "assert callable(plusone.landscape.survey) and 'landscape' in dir(plusone)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_importing_the_package_does_not_import_the_report() -> None:
    program = "import sys, plusone; assert 'plusone.report' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
