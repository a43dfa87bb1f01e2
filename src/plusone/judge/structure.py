"""Rules on structure: deep plain stacks, dead branches and narrow places."""

from __future__ import annotations

from itertools import groupby

from plusone.judge.findings import finding, span
from plusone.judge.missing import missing_skips
from plusone.judge.passages import judge_bypass, judge_passages
from plusone.judge.peers import out_of_line
from plusone.judge.thresholds import PLAIN_LAYERS
from plusone.records import BlockReport, Evidence, Finding, Structure, Value


def judge_structure(structure: Structure, evidence: Evidence) -> list[Finding]:
    """S101, S102, S104, S105 to S107 and J401."""
    blocks, dead = evidence.blocks, set(evidence.dead_blocks)
    found = _deep_stack(structure, blocks)
    found += [_dead(block) for block in blocks if block.name in dead]
    missing = missing_skips(blocks)
    # Behind something that is not finite, sizes say nothing.
    if not evidence.first_non_finite:
        alive = [b for b in blocks if b.name not in dead]
        found += out_of_line(alive, {f.where for f in missing})
    return [*found, *missing, *judge_passages(structure, evidence), *judge_bypass(evidence)]


def _deep_stack(structure: Structure, blocks: tuple[BlockReport, ...]) -> list[Finding]:
    if structure.paths.min_length <= PLAIN_LAYERS:
        return []
    runs = [list(run) for plain, run in groupby(blocks, _is_plain) if plain]
    longest = max(runs, key=len, default=[])
    if len(longest) <= PLAIN_LAYERS:
        return []
    reason = (
        f"the {len(longest)} blocks {span(longest[0].name, longest[-1].name)} have no skip; the "
        f"shortest path from input to output passes {structure.paths.min_length} blocks"
    )
    value = Value.of(float(len(longest)))
    return [finding("S101", longest[0].name, value, float(PLAIN_LAYERS), reason)]


def _is_plain(block: BlockReport) -> bool:
    # A repeated call of one module (name#2) is a step of a loop, no further layer.
    return block.kind == "plain" and "#" not in block.name


def _dead(block: BlockReport) -> Finding:
    gives = block.residual_ratio
    reason = f"no weight in the branch of {block.name} gets any gradient, and "
    reason += "it adds nothing to its skip" if gives.value == 0.0 else "what it adds cannot change"
    return finding("S102", block.name, gives, 0.0, reason)
