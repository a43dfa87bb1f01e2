"""Progress on stderr, where it is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, float], None]


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress | None]:
    """A function of (stage, fraction done) that moves a bar; None where nobody would see it."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn())
    # Without a thread of its own for redrawing, the bar does not disturb what is timed.
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, auto_refresh=False) as bars:
        task = bars.add_task("start", total=1.0)

        def show(stage: str, fraction: float) -> None:
            done = min(max(fraction, 0.0), 1.0)
            bars.update(task, description=stage, completed=done, refresh=True)

        yield show
