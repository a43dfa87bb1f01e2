"""The profile of every block, put together from one forward and its backward."""

from __future__ import annotations

import math

import torch

from plusone.graph.skipgraph import Block
from plusone.probe.branches import Branch, branches_of, dead_blocks
from plusone.probe.cuts import cut_blocks
from plusone.probe.finite import first_non_finite
from plusone.probe.moments import MAX_TOKENS, effective_rank, mean_cosine
from plusone.probe.profile import (
    Profile,
    per_sample,
    positions_of,
    ratio_of_rms,
    reading_at,
    reading_of,
    rms,
)
from plusone.probe.signal import SignalObserver
from plusone.probe.stream import gradient_ratio, signal_ratio
from plusone.records import NOT_MEASURED, BlockReport, EndToEnd, Evidence, NotMeasured, Value


def profile_evidence(profile: Profile) -> Evidence:
    """The profile in the words of a report."""
    branches = branches_of(profile.trace, profile.graph) if profile.gradient is not None else {}
    blocks = tuple(
        _block(profile, block, branches.get(block.name, Branch()).is_random)
        for block in profile.graph.blocks
    )
    where, what = first_non_finite(profile, branches)
    cut, cut_before = cut_blocks(profile)
    trunk = tuple(blocks[k] for k in profile.graph.trunk)
    nodes = profile.signal.nodes
    return Evidence(
        blocks=blocks,
        end_to_end=EndToEnd(
            log10_gradient_ratio=Value.of(-math.inf) if cut else gradient_ratio(profile),
            log10_signal_ratio=signal_ratio(trunk),
        ),
        first_non_finite=where,
        non_finite_in=what,
        dead_blocks=dead_blocks(profile, branches, {b.name: b.residual_ratio for b in blocks}),
        cut_blocks=cut,
        cut_before=cut_before,
        trunk=tuple(block.name for block in trunk),
        has_nodes=nodes is not None,
        samples_are_nodes=nodes is not None and nodes.count == profile.trace.batch,
        not_measured=_gaps(profile),
    )


def _block(profile: Profile, block: Block, is_random: bool) -> BlockReport:
    moments = reading_at(profile, block)
    gradient = profile.gradient.at.get(block.output) if profile.gradient else None
    size = per_sample(profile.trace, block.output)
    norm = rms(gradient * size) if gradient is not None else NOT_MEASURED
    gram = _sample_gram(profile, block)
    return BlockReport(
        name=block.name,
        depth=block.depth,
        kind=block.kind,
        module=block.module,
        skip=block.skip,
        signal_rms=rms(moments.square) if moments is not None else NOT_MEASURED,
        gradient_rms=rms(gradient) if gradient is not None else NOT_MEASURED,
        gradient_norm=norm,
        residual_ratio=_residual_ratio(profile.signal, block, is_random),
        similarity=NOT_MEASURED if gram is None else _of_gram(mean_cosine(gram)),
        token_similarity=_tokens(profile, block),
        rank=NOT_MEASURED if gram is None else _of_gram(effective_rank(gram)),
        shape=block.shape,
        input_shape=block.input_shape,
        layers=block.layers,
        level=block.level,
    )


def _residual_ratio(signal: SignalObserver, block: Block, is_random: bool) -> Value:
    """rms(branch) / rms(skip) over the batch; with stochastic depth, over the samples that kept it.

    Several branches count as if uncorrelated: their mean squares add.
    """
    if block.skip_value is None:
        return NOT_MEASURED
    skip = signal.square(block.skip_value)
    of_skip, *of_branches = (factor**2 for factor in block.factors)
    pairs = zip(map(signal.square, block.branches), of_branches, strict=True)
    terms = [square * factor for square, factor in pairs if square is not None]
    if skip is None or not terms or any(t.shape != skip.shape for t in terms):
        return NOT_MEASURED
    branch, skip = torch.stack(terms).sum(0), skip * of_skip
    if is_random and bool((branch == 0).any()):
        kept = branch > 0
        if not bool(kept.any()):
            return NOT_MEASURED
        branch, skip = branch[kept], skip[kept]
    return ratio_of_rms(branch, skip)


def _sample_gram(profile: Profile, block: Block) -> torch.Tensor | None:
    """Cosines between samples; of single numbers, which are always parallel, none."""
    reading = reading_at(profile, block)
    if reading is None or per_sample(profile.trace, (reading_of(profile, block), 0)) < 2:
        return None
    return reading.gram


def _of_gram(number: float | None) -> Value:
    return NOT_MEASURED if number is None else Value.of(number)


def _tokens(profile: Profile, block: Block) -> Value:
    """The mean cosine between two positions of one sample.

    A linear layer may have been read with samples and positions in one dimension, [samples *
    positions, channels]: then only pairs within a sample count.
    """
    if reading_at(profile, block) is None:
        return NOT_MEASURED
    number = positions_of(profile, block)
    gram, shape = profile.signal.results[number].tokens, profile.trace.ops[number].shapes[0]
    batch, nodes = profile.trace.batch, profile.signal.nodes
    if gram is None or shape[-1] < 2:
        return NOT_MEASURED
    is_of_nodes = nodes is not None and nodes.count == shape[0]
    if is_of_nodes or len(shape) != 2 or batch is None or shape[0] % batch:
        return _of_gram(mean_cosine(gram))
    step = max(1, shape[0] // MAX_TOKENS)
    sample = torch.arange(gram.shape[0]) * step // (shape[0] // batch)
    return _of_gram(mean_cosine(gram, sample[:, None] == sample))


def _gaps(profile: Profile) -> tuple[NotMeasured, ...]:
    if profile.gradient is None:
        return ()
    missing = [b.name for b in profile.graph.blocks if b.output not in profile.gradient.at]
    if not missing:
        return ()
    names = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    why = (
        "autograd shows no gradient there: the value is detached or written in place through a view"
    )
    return (NotMeasured(what=f"gradient at {names}", why=why),)
