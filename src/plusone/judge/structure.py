"""Rules on structure: deep plain stacks, missing skips, dead branches, blocks out of line."""

from __future__ import annotations

import math
import re
from itertools import groupby
from statistics import median

from plusone.judge.findings import finding
from plusone.judge.thresholds import PEER_AGREEMENT, PEER_COUNT, PEER_FACTOR, PLAIN_LAYERS
from plusone.records import BlockReport, Evidence, Finding, Structure, Value


def judge_structure(structure: Structure, evidence: Evidence) -> list[Finding]:
    """S101, S102, S104 and J401."""
    blocks = evidence.blocks
    found = _deep_stack(structure, blocks)
    found += [_dead(name) for name in evidence.dead_blocks]
    found += _missing_skips(blocks)
    dead = set(evidence.dead_blocks)
    found += _out_of_line([b for b in blocks if b.name not in dead])
    return found


def _deep_stack(structure: Structure, blocks: tuple[BlockReport, ...]) -> list[Finding]:
    if structure.paths.min_length <= PLAIN_LAYERS:
        return []
    runs = [list(run) for plain, run in groupby(blocks, _is_plain) if plain]
    longest = max(runs, key=len, default=[])
    if len(longest) <= PLAIN_LAYERS:
        return []
    reason = (
        f"{len(longest)} blocks in a row ({longest[0].name} to {longest[-1].name}) have no skip; "
        f"the shortest path from input to output passes {structure.paths.min_length} blocks"
    )
    value = Value.of(float(len(longest)))
    return [finding("S101", longest[0].name, value, float(PLAIN_LAYERS), reason)]


def _is_plain(block: BlockReport) -> bool:
    # A repeated call of one module (name#2) is a step of a loop, no further layer.
    return block.kind == "plain" and "#" not in block.name


def _dead(name: str) -> Finding:
    reason = f"the branch of {name} adds nothing that a gradient step could change"
    return finding("S102", name, Value.of(0.0), 0.0, reason)


def _missing_skips(blocks: tuple[BlockReport, ...]) -> list[Finding]:
    joined = {b.module for b in blocks if b.kind == "residual"}
    peers: dict[str, int] = {}
    for module in joined:
        peers[_pattern(module)] = peers.get(_pattern(module), 0) + 1
    found = []
    for block in blocks:
        count = peers.get(_pattern(block.module), 0)
        fits = block.shape == block.input_shape
        if block.kind == "plain" and block.module not in joined and count >= 2 and fits:
            reason = (
                f"{block.name} has no skip, while {count} blocks of the same kind have one, and "
                f"its input and output have the same shape {list(block.shape)}"
            )
            found.append(finding("S104", block.name, Value.of(0.0), 1.0, reason))
    return found


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "*", name) if re.search(r"\d", name) else f"={name}"


def _out_of_line(blocks: list[BlockReport]) -> list[Finding]:
    found = []
    for family in _families(blocks):
        strengths = [_strength(b) for b in family]
        for k, block in enumerate(family):
            before = strengths[max(0, k - PEER_COUNT // 2) : k]
            after = strengths[k + 1 : k + 1 + PEER_COUNT // 2]
            found += _against_peers(block, strengths[k], before, after)
    return found


def _families(blocks: list[BlockReport]) -> list[list[BlockReport]]:
    families: dict[tuple[object, ...], list[BlockReport]] = {}
    for block in blocks:
        if block.kind == "residual" and block.residual_ratio.is_finite:
            key = (_pattern(block.name), block.skip, block.shape[1:], block.layers)
            families.setdefault(key, []).append(block)
    return list(families.values())


def _strength(block: BlockReport) -> float:
    return float(block.residual_ratio)


def _against_peers(
    block: BlockReport, own: float, before: list[float], after: list[float]
) -> list[Finding]:
    peers = [s for s in (*before, *after) if math.isfinite(s) and s > 0]
    if not before or not after or len(peers) < PEER_COUNT - 1 or own <= 0:
        return []
    middle = median(peers)
    agreement = max(peers) / min(peers)
    factor = own / middle
    if agreement > PEER_AGREEMENT or 1 / PEER_FACTOR < factor < PEER_FACTOR:
        return []
    word = "stronger" if factor > 1 else "weaker"
    size = factor if factor > 1 else 1 / factor
    reason = (
        f"the branch of {block.name} is {size:.2g} times {word} against its skip than those of "
        f"its {len(peers)} nearest peers ({own:.3g} against {middle:.3g})"
    )
    return [finding("J401", block.name, Value.of(factor), PEER_FACTOR, reason)]
