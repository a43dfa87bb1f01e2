"""Where the report cannot go: files and a stdout that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import Pipeline, Run

needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


def plusone(*arguments: str, stdout: str) -> subprocess.CompletedProcess[str]:
    """The installed command in a process of its own, with its stdout going to a file."""
    with open(stdout, "w") as out:
        return subprocess.run(
            [sys.executable, "-m", "plusone", *arguments],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc here")
def test_a_folder_in_which_no_file_can_be_made_is_refused_before_the_scan(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    ran = run("scan", f"{nets}:build", "--html", "/proc/net.html")
    assert ran.code == 2
    assert ran.err.startswith("error: --html '/proc/net.html' cannot be written: ")
    assert pipeline.subject is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_file_without_permission_is_refused_before_the_scan(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    path = tmp_path / "net.json"
    path.write_text("kept")
    path.chmod(0o444)
    ran = run("scan", f"{nets}:build", "--json", str(path))
    assert ran.code == 2
    assert "cannot be written: Permission denied" in ran.err
    assert pipeline.subject is None


def test_trying_whether_a_file_can_be_written_leaves_nothing_and_changes_nothing(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.error = KeyboardInterrupt()
    old = tmp_path / "old.json"
    old.write_text("kept")
    ran = run("scan", f"{nets}:build", "--html", str(tmp_path / "new.html"), "--json", str(old))
    assert ran.code == 130
    assert not (tmp_path / "new.html").exists()
    assert old.read_text() == "kept"


@needs_dev_full
def test_a_file_that_fails_after_the_scan_costs_neither_the_text_nor_the_other_file(
    run: Run, nets: str, pipeline: Pipeline, tmp_path: Path
) -> None:
    saved = tmp_path / "net.json"
    ran = run("scan", f"{nets}:build", "--html", "/dev/full", "--json", str(saved))
    assert ran.code == 2
    assert "all is well" in ran.out
    assert "all is well" in saved.read_text()
    assert ran.err.splitlines()[-2:] == [
        f"wrote {saved}",
        "error: '/dev/full' cannot be written: No space left on device",
    ]


@needs_dev_full
@pytest.mark.parametrize("arguments", [("rule",), ("--help",), ("scan", "--help")])
def test_a_full_disk_behind_stdout_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = plusone(*arguments, stdout="/dev/full")
    assert done.returncode == 2
    assert done.stderr == "error: stdout cannot be written: No space left on device\n"


@needs_dev_full
def test_a_full_disk_behind_stdout_does_not_cost_the_files(nets: str, tmp_path: Path) -> None:
    saved = tmp_path / "net.json"
    done = plusone("scan", f"{nets}:build", "--quick", "--json", str(saved), stdout="/dev/full")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("error: stdout cannot be written: No space left on device\n")
    assert saved.exists()


def test_a_closed_stdout_is_no_fault() -> None:
    done = subprocess.run(
        f"{sys.executable} -m plusone rule >&-",
        shell=True,
        stderr=subprocess.PIPE,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_of_a_file_is_not_taken_for_one_of_stdout(
    run: Run, nets: str, pipeline: Pipeline
) -> None:
    pipeline.error = OSError(28, "No space left on device", "/somewhere/cache")
    ran = run("scan", f"{nets}:build")
    assert ran.code == 2
    assert "stdout" not in ran.err.splitlines()[-1]
