"""The rule on missing skips: a block without one where its peers have one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import pairwise

from plusone.judge.findings import finding
from plusone.records import BlockReport, Finding, Value


def missing_skips(blocks: tuple[BlockReport, ...]) -> list[Finding]:
    """S104: peers are blocks whose names differ in their numbers alone (`h.3.attn`, `h.4.attn`)
    and whose branches have as many weighted layers.

    A plain block, or the run of plain blocks at one such place, is accused if most of its peers
    add a skip, one of them in the same list, and if an identity would fit. Blocks that change the
    shape often have none on purpose (the first of a stage), and so have concatenations (the last
    level of a decoder), and the last layers of a branch around other blocks (Res2Net's).
    """
    found = []
    behind = {a.name: b for a, b in pairwise(blocks)}
    for place, peers, inside in (*_candidates(blocks), *_nameless(blocks)):
        same = f"{_list_of(place)}."
        beside = [
            p for p in peers if f"{_list_of(_bare(p.name))}.".startswith(same) or not p.module
        ]
        following = behind.get(inside[-1].name)
        is_around = following is not None and following.level < inside[-1].level
        if following is not None and is_around and _is_added(following):
            continue  # the end of a longer branch, whose skip returns here
        # A graph layer's own output may be its messages; the next block takes in the nodes.
        after = (inside[-1].shape, following.input_shape if following is not None else ())
        if beside and any(_fits(inside[0].input_shape, shape) for shape in after):
            reason = (
                f"{place} has no skip, while {len(peers)} blocks of the same kind have one "
                f"({', '.join(p.name for p in beside[:2])}); its input and output have the same "
                f"shape {list(inside[0].input_shape)}"
            )
            found.append(finding("S104", inside[0].name, Value.of(0.0), 1.0, reason))
    return found


def _nameless(
    blocks: tuple[BlockReport, ...],
) -> Iterable[tuple[str, list[BlockReport], list[BlockReport]]]:
    """The same for layers written out in the model's own forward, which are in no module.

    Their peers are written out there too, on both sides, and have as many layers.
    """
    bare = [block for block in blocks if not block.module]
    plain = sum(block.kind == "plain" for block in bare)
    alike: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for k, block in enumerate(bare):
        if _is_added(block):
            alike.setdefault((block.layers, block.shape), []).append(k)
    for k, block in enumerate(bare):
        like = alike.get((block.layers, block.shape), [])
        is_between = bool(like) and like[0] < k < like[-1]
        if block.kind == "plain" and is_between and len(like) > max(1, plain):
            yield block.name, [bare[i] for i in like], [block]


def _is_added(block: BlockReport) -> bool:
    return block.kind == "residual" and block.skip in _ADDED


# The layers of a block around other blocks are theirs.
_UNCOUNTED = 0
_ADDED = ("identity", "projection", "scaled", "gated")


def _candidates(
    blocks: tuple[BlockReport, ...],
) -> Iterable[tuple[str, list[BlockReport], list[BlockReport]]]:
    """Places of plain blocks with their peers that have skips, and the blocks at the place."""
    residual: dict[str, list[BlockReport]] = {}
    for block in blocks:
        if _is_added(block):
            residual.setdefault(_pattern(_bare(block.name)), []).append(block)
    taken = {_bare(block.name) for block in blocks if block.kind == "residual"}
    at: dict[str, list[BlockReport]] = {}
    for block in blocks:
        place = _place(_bare(block.name), residual) if block.kind == "plain" else ""
        if place and not any(name == place or name.startswith(f"{place}.") for name in taken):
            at.setdefault(place, []).append(block)
    alike: dict[str, int] = {}
    for place in at:
        alike[_pattern(place)] = alike.get(_pattern(place), 0) + 1
    for place, inside in at.items():
        layers = sum(block.layers for block in inside)
        peers = [p for p in _alike(place, residual) if p.layers in (layers, _UNCOUNTED)]
        if len(peers) > max(1, alike[_pattern(place)]):
            yield place, peers, inside


def _place(name: str, residual: dict[str, list[BlockReport]]) -> str:
    """The longest beginning of `name` at which, or below which, others have skips, or ""."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        place = ".".join(parts[:end])
        if _alike(place, residual):
            return place
    return ""


def _alike(place: str, residual: dict[str, list[BlockReport]]) -> list[BlockReport]:
    """The residual blocks at places that differ from `place` in their numbers alone."""
    pattern = _pattern(place)
    if pattern in residual:
        return residual[pattern]
    is_numbered = place[-1:].isdigit()
    below = [p for p in residual if is_numbered and p.startswith(f"{pattern}.")]
    return residual[below[0]] if len(below) == 1 else []


def _bare(name: str) -> str:
    """The name without the number of the call: a block around `mlps.3` is named `mlps.3#2`."""
    return name.partition("#")[0]


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "*", name) if re.search(r"\d", name) else f"={name}"


def _list_of(name: str) -> str:
    """The name with its last number open: the list that the block is in."""
    return re.sub(r"\d+(?!.*\d)", "*", name)


def _fits(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether the shapes are equal, up to flattened leading or averaged dimensions."""
    if len(before) == len(after) or not before or not after:
        return bool(before) and before == after
    rest = iter(before)
    is_averaged = len(after) > 1 and all(size in rest for size in after)
    return is_averaged or (before[-1] == after[-1] and math.prod(before) == math.prod(after))
