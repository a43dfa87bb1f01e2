"""`plusone diff`: two targets or saved reports, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plusone.cli.configure import scan_config
from plusone.cli.options import Feed, Judging, Measure
from plusone.cli.output import width
from plusone.cli.scanning import scan_target

if TYPE_CHECKING:
    from plusone.report import Report

_FEED, _MEASURE = Feed(), Measure()
Side = Annotated[str, Parameter(help="A target, or a report saved with --json FILE.")]


def diff(
    a: Side,
    b: Side,
    /,
    *,
    feed: Feed = _FEED,
    measure: Measure = _MEASURE,
    quiet: Annotated[
        bool, Parameter(name=("--quiet", "-q"), help="No progress and no notes.", negative="")
    ] = False,
) -> int:
    """Compare two targets, or two reports saved with --json."""
    first, second = (_report(side, feed, measure, quiet=quiet) for side in (a, b))
    from plusone.report.diff import compare

    print(compare(first, second, width=width()))
    return 0


def _report(side: str, feed: Feed, measure: Measure, *, quiet: bool) -> Report:
    """The saved report, or the one that a scan of the target gives."""
    if Path(side).suffix.lower() == ".json":
        from plusone.report import Report

        return Report.load(side)
    config = scan_config(feed, measure, Judging())
    return scan_target(side, feed=feed, measure=measure, config=config, quiet=quiet)
