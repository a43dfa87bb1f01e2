"""Resolves and scans a target on behalf of a command."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from plusone.cli.configure import target_options
from plusone.cli.options import Feed, Measure
from plusone.cli.output import print_notes
from plusone.cli.progress import shown_progress
from plusone.errors import CaptureError

if TYPE_CHECKING:
    from plusone.records import ScanConfig
    from plusone.report import Report


def scan_target(
    target: str, *, feed: Feed, measure: Measure, config: ScanConfig, quiet: bool
) -> Report:
    """The report on a target; what the user's code prints goes to stderr."""
    with redirect_stdout(sys.stderr), shown_progress(quiet=quiet) as progress:
        if progress is not None:
            progress(f"building {target}", 0.0)
        from plusone.scan import scan_subject
        from plusone.target import resolve

        subject = resolve(target, target_options(feed, measure=measure, device="cpu"))
        try:
            report = scan_subject(subject, config, progress)
        except SystemExit as error:  # it would end plusone with the model's own exit code
            raise CaptureError(
                f"the code of {target} called sys.exit({error.code!r}) in its forward"
            ) from error
    print_notes(subject.notes, quiet=quiet)
    return report
