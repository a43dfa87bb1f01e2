"""Bonds at random places as a control, and how far a protein's own are from what chance gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plusone.errors import InputError
from plusone.graph.resistance import chain_graph, laplacian, pseudo_inverse
from plusone.labs.disulfide.pdb import Pair

NUM_DRAWS = 2000
NUM_TRIES = 10_000


def at_random(num_nodes: int, spans: Sequence[int], draw: np.random.Generator) -> list[Pair]:
    """Bonds of these spans, uniform over all placements in which no two share a residue.

    All bonds are drawn anew until none clash: to move the clashing one alone would favour some
    placements.

    Raises:
        InputError: 10,000 draws clash, so that there is next to no such placement.
    """
    steps = np.asarray(spans, dtype=np.int64)
    for _ in range(NUM_TRIES):
        starts = draw.integers(num_nodes - steps)
        ends = [*starts.tolist(), *(starts + steps).tolist()]
        if len(set(ends)) == len(ends):
            return list(zip(ends[: len(steps)], ends[len(steps) :], strict=True))
    raise InputError(
        f"a chain of {num_nodes} residues has next to no room for bonds of the spans "
        f"{', '.join(map(str, spans))} without two at one residue ({NUM_TRIES:,} draws), so there "
        "is no control to compare its bonds with"
    )


def motions(num_nodes: int, sets: Sequence[Sequence[Pair]]) -> np.ndarray:
    """The unfolded chain's mean fluctuation with each set of bonds over that without, [sets].

    tr L'^+ = tr L^+ - tr (I + B^T L^+ B)^-1 B^T (L^+)^2 B, with L the bare chain's Laplacian and B
    a column e_i - e_j for each bond (Woodbury; B is orthogonal to L's null space). The sets have
    equally many bonds. O(n^3 + sets bonds^3), where an inverse for each set is O(sets n^3).
    """
    inverse = pseudo_inverse(laplacian(chain_graph(num_nodes)))
    i, j = np.moveaxis(np.asarray(sets, dtype=np.int64), 2, 0)  # [sets, bonds] each

    def between(matrix: np.ndarray) -> np.ndarray:
        """B^T matrix B, [sets, bonds, bonds]."""
        a, b = (ends[:, :, None] for ends in (i, j))
        c, d = (ends[:, None] for ends in (i, j))
        found: np.ndarray = matrix[a, c] - matrix[a, d] - matrix[b, c] + matrix[b, d]
        return found

    shared = np.eye(i.shape[1]) + between(inverse)
    taken = np.trace(np.linalg.solve(shared, between(inverse @ inverse)), axis1=1, axis2=2)
    found: np.ndarray = 1 - taken / np.trace(inverse)
    return found


def p_value(value: float, draws: np.ndarray) -> float:
    """One-sided, by permutation: (1 + draws at most as large) / (1 + draws)."""
    # A draw of the very same bonds is a tie, which rounding must not break.
    return float((1 + (draws <= value + 1e-12).sum()) / (1 + len(draws)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values corrected for their number: the k-th smallest of m times m - k + 1, and at least the
    one before (Holm 1979, Scand. J. Statist. 6:65). No assumption on how the tests depend."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    raised = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors)
    found = np.empty(len(p_values))
    found[order] = np.minimum(raised, 1.0)
    return [float(p) for p in found]
