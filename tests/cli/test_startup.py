"""The command line starts without torch, and its surface is a frozen list."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

import plusone

from support.cli import Run

PROGRAM = """
import sys
from plusone.cli.main import main
code = main({arguments!r})
heavy = [name for name in ("torch", "numpy", "jinja2", "rustworkx") if name in sys.modules]
print("loaded", *heavy)
raise SystemExit(code)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["scan", "--help"], ["rule", "G201"], []]
)
def test_torch_is_not_imported_to_explain_the_command(arguments: list[str]) -> None:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded"
    # A second is the goal; other tests may have the processor at the same time.
    assert time.perf_counter() - start < 5


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").out.strip() == f"plusone {plusone.__version__}"


OPTIONS = {
    "scan": "--fail-on --format --html --ignore --input --inputs --json --loss --mode --no-color "
    "--quick --quiet --repeats --samples --seed --select",
    "map": "--format --html --input --inputs --json --no-color --quiet --seed",
    "diff": "--input --inputs --loss --mode --quick --quiet --repeats --samples --seed",
    "predict": "--activation --batch --density --depth --gain --json --norm --pattern --phases "
    "--placement --quiet --scale --svg --width --window",
    "fix": "--code --input --inputs --json --loss --preserve --quiet --save --seed --trial "
    "--verify",
    "lab": "",
    "rule": "",
    "doctor": "",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_of_each_command_are_a_frozen_list(run: Run, command: str) -> None:
    help_text = run(command, "--help").out
    found = set(re.findall(r"^│[ *]*(--[a-z-]+)", help_text, re.MULTILINE))
    assert found == set(OPTIONS[command].split())


def test_the_commands_are_a_frozen_list(run: Run) -> None:
    found = re.findall(r"^│ ([a-z]+) ", run("--help").out, re.MULTILINE)
    assert sorted(found) == sorted(OPTIONS)
