"""The entry point: runs a command and turns what happens into an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

from plusone.cli.app import make_app
from plusone.errors import PlusoneError

CLEAN, FOUND, FAILED, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: nothing found; 1: findings; 2: wrong usage, or the target could not be scanned; 130:
    interrupted.
    """
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLEAN
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else FAILED
    except Exception:
        traceback.print_exc()
        print("error: this is a fault in plusone, not in your model", file=sys.stderr)
        return FAILED
    return code if isinstance(code, int) else CLEAN
