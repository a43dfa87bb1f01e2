"""Path counts as exact integers."""

from __future__ import annotations

from plusone.graph.path_graph import Arcs, PathGraph, arcs_of


def exact_path_counts(graph: PathGraph) -> dict[int, int]:
    """The number of paths from inputs to outputs by length, exact, lengths ascending.

    Kronecker substitution: the polynomial sum_k c_k x**k of a node is one integer, evaluated at
    x = 2**B with B above the bits of the number of all paths, so that a product with x**l is a
    shift and no coefficient runs into the next. Lengths that no path has are left out.
    Cost: O(E * longest path * log2(paths) / 64) word operations (benchmarks/pathlaw.py times it).
    """
    arcs = arcs_of(graph)
    if not arcs.groups:
        return {}
    num_bytes = _polynomial(arcs, bits=0).bit_length() // 8 + 1
    packed = _polynomial(arcs, bits=8 * num_bytes)
    digits = packed.to_bytes((arcs.max_length + 1) * num_bytes, "little")
    counts = (
        int.from_bytes(digits[k * num_bytes : (k + 1) * num_bytes], "little")
        for k in range(arcs.max_length + 1)
    )
    return {length: count for length, count in enumerate(counts) if count}


def _polynomial(arcs: Arcs, *, bits: int) -> int:
    """The exit's polynomial at 2**bits: with 0 bits the number of all paths."""
    values, num_uses = {arcs.entry: 1}, list(arcs.num_uses)
    for target, first, last in arcs.groups:
        total = 0
        for i in range(first, last):
            s = arcs.source[i]
            total += values[s] << (bits * arcs.length[i])
            num_uses[s] -= 1
            if not num_uses[s]:
                del values[s]
        values[target] = total
    return values[arcs.exit]
