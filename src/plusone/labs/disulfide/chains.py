"""Disulfide bonds as long-range skips: what they do to a chain, unfolded and folded.

Everything here is read off `plusone.graph`: a residue is a node, a peptide bond a step of the
chain, a disulfide bond a skip. Unfolded, the protein is a Gaussian chain of these bonds alone;
folded, a Gaussian network of all CA atoms within 7.3 A (Bahar, Atilgan and Erman 1997,
10.1016/S1359-0278(97)00024-2), in which a disulfide bond is one more spring.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from plusone.graph.path_graph import PathGraph
from plusone.graph.pathlaw import path_law
from plusone.graph.resistance import (
    chain_graph,
    laplacian,
    loop_cost,
    mean_path,
    overlaps,
    pseudo_inverse,
    resistance,
)
from plusone.labs.disulfide.atoms import in_words
from plusone.labs.disulfide.chance import NUM_DRAWS, at_random, motions
from plusone.labs.disulfide.pdb import Pair, Piece, places_of

CUTOFF = 7.3
"""In A. ProDy's default is 10; Kundu et al. 2002 (Biophys. J. 83:723) fitted B factors with 7.3."""
BOND_SPRING = 10.0
"""A disulfide bond's spring in units of a contact's."""
LOCAL_SPAN = 3
GAS, TEMPERATURE, CONTACT = 1.987e-3, 298.0, 2.1e-3
"""kcal / (mol K), K, and the loop's constant in kcal / (mol K) of Pace et al. 1988 (J. Biol. Chem.
263:11820): an entropy of -2.1 - 1.5 R ln n cal / (mol K). Here n = j - i for a bond of residues i
and j: the chain's steps from one cysteine to the other, one more than the residues between them."""
SINGULAR = 1e-9
"""A determinant below this share of its diagonal's product is 0 but for rounding."""


def fluctuation(num_nodes: int, bonds: Sequence[Pair] = ()) -> np.ndarray:
    """The mean square fluctuation of each residue of the unfolded chain, (L^+)_ii, [residues]."""
    found: np.ndarray = pseudo_inverse(laplacian(chain_graph(num_nodes, bonds))).diagonal()
    return found


def unfolded(piece: Piece, draw: np.random.Generator) -> Mapping[str, object]:
    """The bonds' effect on the unfolded chain, beside bonds of the same spans at random places and
    as many local ones (i, i + 3)."""
    n, bonds = len(piece), piece.bonds
    spans = [j - i for i, j in bonds]
    bare = float(fluctuation(n).mean())
    randoms = [at_random(n, spans, draw) for _ in range(NUM_DRAWS)]
    local = [at_random(n, [LOCAL_SPAN] * len(bonds), draw) for _ in range(NUM_DRAWS)]
    law = path_law(chain_graph(n, bonds))
    joint, alone = loops(n, bonds)
    with_bonds = pseudo_inverse(laplacian(chain_graph(n, bonds)))
    pairings = [mean_path(chain_graph(n, pairs)) for pairs in other_pairings(bonds)]
    native = mean_path(chain_graph(n, bonds))
    return {
        "starts": float(n - max(spans)),
        "bare error": abs(bare / ((n**2 - 1) / (6 * n)) - 1),
        "bonds": float(motions(n, [bonds])[0]),
        "random": motions(n, randoms),
        "local": motions(n, local),
        "profile": [fluctuation(n), fluctuation(n, bonds)],
        "paths": [
            mean_path(chain_graph(n)),
            native,
            float(np.mean([mean_path(chain_graph(n, pairs)) for pairs in randoms[:20]])),
            float(np.mean([mean_path(chain_graph(n, pairs)) for pairs in local[:20]])),
        ],
        "shorter": float(np.mean(np.asarray(pairings) < native - 1e-12)) if pairings else math.nan,
        "resistance": float(resistance(with_bonds, [(0, n - 1)])[0]),
        "loops": [energy(len(bonds), joint), energy(len(bonds), alone)],
        "each loop": each_loop(n, bonds),
        "bond names": [in_words((piece.keys[i], piece.keys[j])) for i, j in bonds],
        "directed": [
            float(law.min_length),
            float(law.mean_length),
            float(law.max_length),
            10.0**law.log10_count,
        ],
    }


def loops(num_nodes: int, bonds: Sequence[Pair]) -> tuple[float, float]:
    """ln det(B^T L^+ B) of the unfolded chain's bonds together, and the sum of each alone.

    -inf together where bonds close a cycle: then one of them forbids nothing that the others do
    not, and the determinant is 0.
    """
    inverse = pseudo_inverse(laplacian(chain_graph(num_nodes)))
    joint = loop_cost(inverse, bonds)
    alone = float(np.log(overlaps(inverse, bonds).diagonal()).sum())
    return (joint if joint - alone > math.log(SINGULAR) else -math.inf), alone


def each_loop(num_nodes: int, bonds: Sequence[Pair]) -> list[list[float]]:
    """For each bond T times the entropy that its loop takes of the bare chain, and of the chain
    that has the other bonds already, kcal/mol at 298 K."""
    together = energy(len(bonds), loops(num_nodes, bonds)[0])
    found = []
    for k, bond in enumerate(bonds):
        others = [*bonds[:k], *bonds[k + 1 :]]
        rest = energy(len(others), loops(num_nodes, others)[0]) if others else 0.0
        found.append([energy(1, loops(num_nodes, [bond])[1]), together - rest])
    return found


def energy(num_bonds: int, log_overlap: float) -> float:
    """T times the entropy that the bonds take from the unfolded chain, kcal/mol at 298 K."""
    return TEMPERATURE * (CONTACT * num_bonds + 1.5 * GAS * log_overlap)


def other_pairings(bonds: Sequence[Pair]) -> list[list[Pair]]:
    """All other ways to pair the same cysteines; none for one bond, and none above five bonds."""
    ends = sorted(end for pair in bonds for end in pair)
    if not 1 < len(bonds) <= 5 or len(set(ends)) < len(ends):
        return []
    native = sorted(bonds)
    return [pairs for pairs in _pairings(ends) if sorted(pairs) != native]


def _pairings(ends: Sequence[int]) -> Iterator[list[Pair]]:
    if not ends:
        yield []
        return
    for k in range(1, len(ends)):
        rest = [*ends[1:k], *ends[k + 1 :]]
        for pairs in _pairings(rest):
            yield [(ends[0], ends[k]), *pairs]


def contact_graph(piece: Piece, bonds: Sequence[Pair] = ()) -> PathGraph:
    """CA atoms within 7.3 A, and the bonds as further edges at the end."""
    places = places_of(piece)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    i, j = np.nonzero(np.triu(distances < CUTOFF, 1))
    source = np.concatenate([i, [a for a, _ in bonds]]).astype(np.int64)
    target = np.concatenate([j, [b for _, b in bonds]]).astype(np.int64)
    return PathGraph(
        num_nodes=len(piece),
        source=source,
        target=target,
        length=np.ones(len(source), dtype=np.int64),
        inputs=(0,),
        outputs=(len(piece) - 1,),
    )


def network_fluctuation(
    piece: Piece, bonds: Sequence[Pair] = (), *, spring: float = BOND_SPRING
) -> np.ndarray:
    """The Gaussian network model's (L^+)_ii, [residues], with springs of so many contacts' for the
    bonds."""
    graph = contact_graph(piece, bonds)
    springs = np.ones(len(graph.source))
    springs[len(springs) - len(bonds) :] = spring
    found: np.ndarray = pseudo_inverse(laplacian(graph, springs)).diagonal()
    return found


def folded(piece: Piece) -> Mapping[str, object]:
    """The Gaussian network with and without the bonds, and how it agrees with the B factors."""
    without = network_fluctuation(piece)
    b = np.asarray(piece.b_factors)
    has_b = bool(np.isfinite(b).all()) and float(b.std()) > 0
    found: dict[str, object] = {
        "b correlation": float(np.corrcoef(without, b)[0, 1]) if has_b else math.nan,
        "folded profile": without,
        "b factors": b,
    }
    if piece.bonds:
        changed, softly = (
            network_fluctuation(piece, piece.bonds, spring=spring) / without - 1
            for spring in (BOND_SPRING, 1.0)
        )
        ends = sorted({end for pair in piece.bonds for end in pair})
        found["folded change"] = [float(c.mean()) for c in (changed, changed[ends], softly[ends])]
    return found
