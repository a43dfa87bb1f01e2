"""A pattern of skips over its places as a report's structure, which the arc map draws."""

from __future__ import annotations

from plusone.graph.pathlaw import path_law
from plusone.graph.resistance import chain_graph
from plusone.records import BlockReport, ReportData, Skip, Structure
from plusone.search.space import Pattern, Space


def chain_data(space: Space, pattern: Pattern) -> ReportData:
    """The places as blocks in a row, each named by the layer that it is in front of.

    A skip from place s to place t goes around the blocks s to t - 1; blocks that a skip goes
    around are residual. Paths are counted from the first place to the last.
    """
    paths = [place.path for place in space.places]
    around = {k for source, goal in pattern.pairs for k in range(source, goal)}
    skips = tuple(
        Skip(
            kind="identity" if space.is_identity(source, goal) else "projection",
            source=paths[source],
            join=paths[goal],
            module="",
            span=goal - source,
            first_block=source,
            last_block=goal - 1,
        )
        for source, goal in pattern.pairs
    )
    return ReportData(
        target=space.subject.name,
        structure=Structure(
            num_blocks=len(paths),
            depth=space.num_layers,
            skips=skips,
            paths=path_law(chain_graph(len(paths), pattern.pairs)),
        ),
        blocks=tuple(
            BlockReport(name=path, depth=k + 1, kind="residual" if k in around else "plain")
            for k, path in enumerate(paths)
        ),
    )
