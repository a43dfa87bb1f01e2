"""Where things are: the block that a finding names, and the stages that block names spell out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plusone.records import BlockReport, Finding, ReportData


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A run of neighbouring blocks whose names begin alike: `first` to `last`, both included."""

    label: str
    first: int
    last: int


def find_block(blocks: Sequence[BlockReport], where: str) -> int | None:
    """Position of the block that `where` names: by its name, its module, or a place inside it."""
    if not where:
        return None
    for attribute in ("name", "module"):
        for index, block in enumerate(blocks):
            if getattr(block, attribute) == where:
                return index
    inside = [i for i, block in enumerate(blocks) if block.name and _is_inside(where, block.name)]
    return max(inside, key=lambda i: len(blocks[i].name)) if inside else None


def _is_inside(where: str, name: str) -> bool:
    return where.startswith((f"{name}.", f"{name}/", f"{name}[", f"{name}#"))


def findings_by_block(data: ReportData) -> dict[int, tuple[Finding, ...]]:
    """The findings of each block that findings name, by position, in order of position."""
    placed: dict[int, list[Finding]] = {}
    names: dict[str, int] = {}
    for position, block in enumerate(data.blocks):
        names.setdefault(block.name, position)
    for finding in data.findings:
        index = names.get(finding.where) if finding.where else None
        if index is None:
            index = find_block(data.blocks, finding.where)
        if index is not None:
            placed.setdefault(index, []).append(finding)
    return {index: tuple(placed[index]) for index in sorted(placed)}


def codes_of(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """The codes of some findings with their severities, each once."""
    return tuple(dict.fromkeys((finding.code, finding.severity) for finding in findings))


def tone_of(findings: Sequence[Finding]) -> str:
    """The worst severity among some findings, or "" if there are none."""
    severities = {finding.severity for finding in findings}
    return "error" if "error" in severities else "".join(severities)


def stages(blocks: Sequence[BlockReport]) -> tuple[Stage, ...]:
    """Runs of blocks that share the first part of their names after the prefix common to all.

    "layer1.0", "layer1.1", "layer2.0" give layer1 and layer2; "h.0", "h.1" give h.0 and h.1.
    """
    parts = [block.name.split(".") for block in blocks]
    common = _common_length(parts)
    runs: list[Stage] = []
    for index, part in enumerate(parts):
        label = part[common] if common < len(part) else part[-1]
        if label.isdecimal() and 0 < common < len(part):
            label = f"{part[common - 1]}.{label}"
        if runs and runs[-1].label == label:
            runs[-1] = Stage(label=label, first=runs[-1].first, last=index)
        else:
            runs.append(Stage(label=label, first=index, last=index))
    return tuple(runs)


def common_prefix(blocks: Sequence[BlockReport], *, shortest: int = 12) -> str:
    """The module path, with its dot, that all blocks are inside; "" if it is shorter than that."""
    parts = [block.name.split(".") for block in blocks]
    length = _common_length(parts)
    if len(parts) < 2 or any(len(part) <= length for part in parts):
        return ""
    prefix = ".".join((*parts[0][:length], ""))
    return prefix if len(prefix) >= shortest else ""


def span_name(first: str, last: str, *, dots: str) -> str:
    """A name for the blocks `first` to `last`: "layers.1 .. 18" where only the end differs."""
    parent, _, _ = first.rpartition(".")
    other, _, end = last.rpartition(".")
    return f"{first} {dots} {end if parent == other else last}"


def _common_length(parts: Sequence[Sequence[str]]) -> int:
    length = 0
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        length += 1
    return min(length, min((len(part) for part in parts), default=0))
