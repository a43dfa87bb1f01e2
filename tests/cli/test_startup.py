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
    "landscape": "--density --hessian --html --input --inputs --interactive --json --loss --points "
    "--quiet --seed --span --statistics --surface --svg",
    "search": "--batch --code --html --input --inputs --jobs --json --kinds --learning-rate --loss "
    "--max-parameters --max-skips --max-span --quiet --sampler --save --scales --seed --spec "
    "--steps --storage --study --trials",
    "rule": "",
    "doctor": "",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_the_options_of_each_command_are_a_frozen_list(run: Run, command: str) -> None:
    help_text = run(command, "--help").out
    found = set(re.findall(r"^│[ *]*(--[a-z-]+)", help_text, re.MULTILINE))
    assert found == set(OPTIONS[command].split())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("scan",), "1 findings (see --fail-on) or a verdict other than trainable"),
        (("map",), "0 shown, as nothing is judged"),
        (("diff",), "0 compared, whatever differs"),
        (("predict",), "0 predicted, whatever the label"),
        (("fix",), "1 there is a plan or trouble that none mends"),
        (("landscape",), "0 measured, as nothing is judged"),
        (("search",), "0 searched, whatever was found"),
        (("rule",), "2 there is no such code"),
        (("doctor",), "0, also where extras are missing"),
        (("lab", "list"), "0 listed"),
        (("lab", "run"), "0 all labs ran, whatever their verdicts"),
        (("lab", "check"), "1 one differs"),
    ],
)
def test_the_help_of_each_command_says_what_its_exit_codes_mean(
    run: Run, command: tuple[str, ...], words: str
) -> None:
    text = " ".join(run(*command, "--help").out.split())
    assert words in text[text.index("Exit codes: ") :]


def test_the_commands_are_a_frozen_list(run: Run) -> None:
    found = re.findall(r"^│ ([a-z]+) ", run("--help").out, re.MULTILINE)
    assert sorted(found) == sorted(OPTIONS)
