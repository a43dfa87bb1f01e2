"""`plusone map`: the structure alone, on the meta device."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from plusone.cli.configure import scan_config, target_options
from plusone.cli.options import Feed, Judging, Measure, Output, Target
from plusone.cli.output import check_writable, print_notes, write_report
from plusone.errors import CaptureError
from plusone.records import VALUE_DEPENDENT, ScanConfig

if TYPE_CHECKING:
    from plusone.report import Report
    from plusone.target.options import Device

_FEED, _OUTPUT = Feed(), Output()
# Above this, building the weights after all is no longer a matter of seconds and a few GB.
MOST_REAL_PARAMETERS = 1_000_000_000


def map(target: Target, /, *, feed: Feed = _FEED, output: Output = _OUTPUT) -> int:
    """Show the structure alone: skips, blocks and paths. No weights are made, nothing is judged."""
    check_writable(output)
    config = scan_config(feed, Measure(), Judging())
    with redirect_stdout(sys.stderr):
        report, notes = _mapped(target, feed, config)
    print_notes(notes, quiet=output.quiet)
    write_report(report, output)
    return 0


def _mapped(target: str, feed: Feed, config: ScanConfig) -> tuple[Report, tuple[str, ...]]:
    """The report on the meta device, or on real weights where the model needs values to run."""
    from plusone.scan import map_subject
    from plusone.target import resolve

    device: Device = "meta"
    subject = resolve(target, target_options(feed, measure=None, device=device))
    count = sum(p.numel() for p in subject.model.parameters())
    is_real = not any(p.is_meta for p in subject.model.parameters())
    is_last = is_real or count > MOST_REAL_PARAMETERS
    try:
        report = map_subject(subject, config)
        guessed = [gap.why for gap in report.data.not_measured if gap.what == VALUE_DEPENDENT]
        if is_last or not guessed:
            return report, subject.notes
        note = f"built with weights, because {guessed[0]}"
    except CaptureError as error:
        if is_last:
            raise
        note = f"built with weights, because the model does not run on meta: {error}"
    subject = resolve(target, target_options(feed, measure=None, device="cpu"))
    return map_subject(subject, config), (*subject.notes, note)
