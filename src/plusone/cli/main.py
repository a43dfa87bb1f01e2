"""The entry point: runs a command and turns what happens into an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence

from plusone.cli.app import make_app
from plusone.errors import PlusoneError

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a write to stdout fails with; files are opened by name, and errors of theirs carry it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: nothing found; 1: findings; 2: wrong usage, or the target could not be scanned; 130:
    interrupted.
    """
    if sys.stdout is None:  # closed by the caller, as with >&-
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = make_app()(tokens)
        sys.stdout.flush()
    except PlusoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _drop_stdout()
        return CLEAN
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            return _fault()
        _drop_stdout()
        print(f"error: stdout cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else FAILED
    except Exception:
        return _fault()
    return code if isinstance(code, int) else CLEAN


def _fault() -> int:
    traceback.print_exc()
    print("error: this is a fault in plusone, not in your model", file=sys.stderr)
    return FAILED


def _drop_stdout() -> None:
    """Sends what is still to be printed nowhere, so that Python does not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
