"""`plusone scan`: find the skips, measure, judge."""

from __future__ import annotations

from plusone.cli.configure import scan_config
from plusone.cli.options import Feed, Judging, Measure, Output, Target
from plusone.cli.output import check_writable, exit_code, write_report
from plusone.cli.scanning import scan_target
from plusone.errors import CaptureError

_FEED, _MEASURE, _JUDGING, _OUTPUT = Feed(), Measure(), Judging(), Output()


def scan(
    target: Target,
    /,
    *,
    feed: Feed = _FEED,
    measure: Measure = _MEASURE,
    judging: Judging = _JUDGING,
    output: Output = _OUTPUT,
) -> int:
    """Find the skips, measure signal, gradient and Jacobians, and judge."""
    check_writable(output)
    config = scan_config(feed, measure, judging)
    try:
        report = scan_target(target, feed=feed, measure=measure, config=config, quiet=output.quiet)
    except CaptureError as error:
        partial = getattr(error, "report", None)
        if partial is not None:  # what was measured before the model failed
            write_report(partial, output)
        raise
    write_report(report, output)
    if report.verdict is None:
        from plusone.report.lines import reason_for_none

        why = reason_for_none(report.data) or "nothing could be measured"
        raise CaptureError(f"no verdict on {target}, because {why}")
    return exit_code(report, judging.fail_on)
