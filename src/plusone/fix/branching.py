"""Edits for nets that have skips: their branches scaled where they end, or normed where they begin.

A stream of L blocks keeps its second moment bounded when each branch adds 1/L of it (Hayou et al.
2021, arXiv 2010.12859): so a branch of the measured size r, relative to its skip, is multiplied by
1 / (r sqrt(L)), or starts at zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

from torch import nn

from plusone.errors import InputError
from plusone.fix.chains import rounded
from plusone.fix.edits.branches import NormFirst, ScaleBranch, ScaleWeights
from plusone.fix.edits.edit import Edit
from plusone.fix.sites import Survey
from plusone.fix.surgery import family
from plusone.nn.init.branches import Branch, find_branches
from plusone.records import BlockReport
from plusone.target.call import Call
from plusone.target.subject import Subject

Torch = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
Stacks = (nn.TransformerEncoder, nn.TransformerDecoder)


def branches_of(subject: Subject) -> list[Branch]:
    """The residual branches with weights, in the order in which they run; empty without any."""
    try:
        found = find_branches(subject.model, Call(args=subject.args, kwargs=subject.kwargs)).found
    except InputError:  # there are none
        return []
    return [branch for branch in found if branch.closing or branch.last]


def scaled_branches(
    survey: Survey,
    branches: Iterable[Branch],
    blocks: Iterable[BlockReport],
    *,
    starts_at_zero: bool = False,
    is_learned: bool = True,
) -> tuple[Edit, ...]:
    """A factor at the end of each branch; where no module can take one, in the weights."""
    branches = list(branches)
    sizes = _sizes(branches, {b.name: b.residual_ratio.value for b in blocks})
    edits: dict[str, Edit] = {}
    for branch in branches:
        size = sizes[family(branch.name)]
        start = 0.0 if starts_at_zero else min(1.0, rounded(1.0 / (size * len(branches) ** 0.5)))
        for layer in branch.closing or branch.last:
            path = gate_path(survey, layer.name)
            if path is not None:
                edits[path] = ScaleBranch(path=path, start=start, learned=is_learned)
            else:
                edits[layer.name] = ScaleWeights(path=layer.name, factor=start)
    return tuple(edits.values())


def factors_in_words(edits: Iterable[Edit]) -> str:
    """What scales the branches and by how much: a module behind them, or their own weights."""
    learned: list[float] = []
    fixed: list[float] = []
    weights: list[float] = []
    for edit in edits:
        if isinstance(edit, ScaleBranch):
            (learned if edit.learned else fixed).append(edit.start)
        elif isinstance(edit, ScaleWeights):
            weights.append(edit.factor)
    kinds = (
        (learned, "{count} branches times a learned factor that starts at {span}"),
        (fixed, "{count} branches times {span}, for good"),
        (weights, "the weights and biases at the end of {count} branches times {span}"),
    )
    return "; ".join(
        words.format(count=len(factors), span=_span(factors)) for factors, words in kinds if factors
    )


def _span(factors: list[float]) -> str:
    low, high = min(factors), max(factors)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _sizes(branches: list[Branch], ratios: dict[str, float | None]) -> dict[str, float]:
    """The median size of the branches of each family, relative to their skips; 1 if unknown."""
    found: dict[str, list[float]] = {}
    for branch in branches:
        ratio = ratios.get(branch.name)
        known = found.setdefault(family(branch.name), [])
        if ratio is not None and math.isfinite(ratio) and ratio > 0:
            known.append(ratio)
    return {name: median(known) if known else 1.0 for name, known in found.items()}


def gate_path(survey: Survey, path: str) -> str | None:
    """The module that gives what the layer at `path` makes; None if none can be wrapped."""
    if survey.is_closed(path):
        parent = path.rpartition(".")[0]
        is_attention = isinstance(survey.model.get_submodule(parent), nn.MultiheadAttention)
        if not is_attention or survey.is_closed(parent):
            return None
        path = parent
    return path if survey.calls.get(path) == 1 else None


def norm_first(model: nn.Module) -> tuple[Edit, ...]:
    """torch's own transformer layers turned from post-norm to pre-norm (Xiong et al. 2020)."""
    edits: list[Edit] = []
    for path, module in model.named_modules():
        if isinstance(module, Torch) and not module.norm_first:
            edits.append(NormFirst(path=path))
    for path, module in model.named_modules():
        if edits and isinstance(module, Stacks) and module.norm is None:
            width = module.layers[0].norm1.normalized_shape[0]
            edits.append(NormFirst(path=path, final=width))
    return tuple(edits)
