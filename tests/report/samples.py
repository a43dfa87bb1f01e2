"""Synthetic reports of the shapes that the renderers must cope with; built without a network."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from plusone.records import (
    BlockReport,
    Cost,
    EndToEnd,
    Finding,
    Fold,
    Kind,
    NotMeasured,
    PathLaw,
    Provenance,
    ReportData,
    SingularValues,
    Skip,
    Spectrum,
    Structure,
    Value,
    Verdict,
)

PROVENANCE = Provenance(
    plusone="0.1.0",
    torch="2.13.0",
    python="3.11.7",
    device="cpu",
    dtype="float32",
    mode="as-is",
    seed=0,
    threads=2,
    inputs="float32 [4, 3, 224, 224], as given",
    loss="random cotangents of unit variance",
    spectra="Golub-Kahan, 2 samples, relative error 0.05",
    repeats=3,
)
COST = Cost(seconds=14.2, forward_backward_seconds=1.31, ratio=10.8)


def binomial_law(num_blocks: int, *, branch_gain: float) -> PathLaw:
    """The law of `num_blocks` residual blocks in a row; gradient weights branch_gain^length."""
    lengths = tuple(range(num_blocks + 1))
    log_counts = [math.log10(math.comb(num_blocks, k)) for k in lengths]
    share = branch_gain / (1 + branch_gain)
    log_weights = [
        log_counts[k] + k * math.log10(share) + (num_blocks - k) * math.log10(1 - share)
        for k in lengths
    ]
    return PathLaw(
        log10_count=num_blocks * math.log10(2),
        min_length=0,
        max_length=num_blocks,
        mean_length=num_blocks / 2,
        effective_length=num_blocks * share,
        lengths=lengths,
        log10_counts=tuple(log_counts),
        weights=tuple(10**w if w > -300 else 0.0 for w in log_weights),
    )


def spectrum(norm: float, rms: float, rank: float) -> Spectrum:
    """A Jacobian's size with a standard error of 2 % on the Frobenius norm."""
    return Spectrum(
        spectral_norm=Value.of(norm),
        frobenius_rms=Value.of(rms, 0.02 * rms),
        stable_rank=Value.of(rank),
    )


def residual_block(index: int, *, name: str, total: int, skip: Kind) -> BlockReport:
    """A healthy residual block: the signal grows as sqrt(depth), the gradient mildly."""
    wobble = 1 + 0.15 * math.sin(2.3 * index)
    branch = 0.55 * wobble
    gradient = 1.4e-5 * 1.06 ** ((total - index) * min(1, 40 / total)) * wobble
    return BlockReport(
        name=name,
        depth=index + 1,
        module=name,
        skip=skip,
        signal_rms=Value.of(math.sqrt(1 + 0.3 * index) * wobble),
        gradient_rms=Value.of(gradient, 0.04 * gradient),
        gradient_norm=Value.of(0.02 * wobble),
        residual_ratio=Value.of(branch),
        jacobian=spectrum(2.6 * wobble, 1.13 * wobble, 220.0),
        branch_jacobian=spectrum(2.1 * wobble, branch, 41.0),
        similarity=Value.of(1 - 0.9 * 0.97**index),
        rank=Value.of(1 + 2.9 * 0.98**index),
        shape=(4, 64, 56, 56),
    )


def resnet50() -> ReportData:
    """16 bottleneck blocks in four stages, 12 identity skips and 4 projections, healthy."""
    names = [f"layer{s + 1}.{b}" for s, depth in enumerate((3, 4, 6, 3)) for b in range(depth)]
    skips: list[Kind] = ["projection" if name.endswith(".0") else "identity" for name in names]
    return ReportData(
        target="timm:resnet50",
        verdict=Verdict(
            label="trainable",
            probability=0.97,
            reason="gradient and signal stay within one decade over 16 blocks",
            is_calibrated=True,
        ),
        structure=Structure(
            num_blocks=16,
            depth=16,
            skips=chain_skips(names, skips),
            paths=binomial_law(16, branch_gain=0.35),
            folds=(
                Fold(name="layer1.1", first=1, count=2),
                Fold(name="layer2.1", first=4, count=3),
                Fold(name="layer3.1", first=8, count=5),
                Fold(name="layer4.1", first=14, count=2),
            ),
            num_parameters=25_557_032,
            num_operations=174,
        ),
        blocks=tuple(
            residual_block(i, name=name, total=16, skip=skips[i]) for i, name in enumerate(names)
        ),
        end_to_end=EndToEnd(
            log10_gradient_ratio=Value.of(0.39, 0.02),
            log10_signal_ratio=Value.of(0.31, 0.01),
            singular_values=SingularValues(
                min=Value.of(0.012), median=Value.of(0.83), max=Value.of(17.4)
            ),
            method="randomised SVD of 2 samples",
        ),
        cost=COST,
        not_measured=(NotMeasured(what="token similarity", why="the outputs have no token axis"),),
        provenance=PROVENANCE,
    )


def chain_skips(names: Sequence[str], kinds: Sequence[Kind]) -> tuple[Skip, ...]:
    """One skip around each block of a chain."""
    return tuple(
        Skip(
            kind=kind,
            source=names[i - 1] if i else "maxpool",
            join=f"{name}.add",
            module=name,
            span=3,
            first_block=i,
            last_block=i,
        )
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )


def unet() -> ReportData:
    """Four nested concatenation skips around nine plain blocks; one warning in the middle."""
    names = ["enc1", "enc2", "enc3", "enc4", "middle", "dec4", "dec3", "dec2", "dec1"]
    blocks = tuple(
        BlockReport(
            name=name,
            depth=i + 1,
            kind="plain",
            module=name,
            signal_rms=Value.of(0.6 + 0.05 * i),
            gradient_rms=Value.of(2e-4 * (1 + abs(i - 4))),
            jacobian=spectrum(3.2, 0.8, 30.0),
            similarity=Value.of(0.999 if name == "middle" else 0.4 + 0.05 * i),
            rank=Value.of(1.02 if name == "middle" else 3.0),
        )
        for i, name in enumerate(names)
    )
    skips = tuple(
        Skip(
            kind="concat",
            source=f"enc{k + 1}",
            join=f"dec{k + 1}.cat",
            module=f"dec{k + 1}",
            span=2 * (7 - 2 * k),
            level=k,
            first_block=k + 1,
            last_block=7 - k,
        )
        for k in range(4)
    )
    return ReportData(
        target="examples/unet.py:unet",
        verdict=Verdict(
            label="trainable", probability=0.88, reason="every level has a short path to the loss"
        ),
        structure=Structure(
            num_blocks=9,
            depth=9,
            skips=skips,
            paths=PathLaw(
                log10_count=math.log10(5),
                min_length=2,
                max_length=9,
                mean_length=5.6,
                effective_length=3.9,
                lengths=(2, 4, 6, 7, 9),
                log10_counts=(0.0, 0.0, 0.0, 0.0, 0.0),
                weights=(0.52, 0.21, 0.12, 0.1, 0.05),
            ),
            num_parameters=7_763_041,
        ),
        blocks=blocks,
        end_to_end=EndToEnd(log10_gradient_ratio=Value.of(-0.12)),
        findings=(
            Finding(
                code="S103",
                name="decoder-bypasses-latent",
                where="middle",
                value=Value.of(0.05),
                threshold=Value.of(0.1),
                reason="5 % of the gradient passes through the bottleneck",
                remedy="drop the outermost skip, or scale it with a gate that starts at 0",
                severity="warning",
            ),
        ),
        cost=COST,
        provenance=PROVENANCE,
    )


def vanishing() -> ReportData:
    """50 plain blocks whose gradient falls by a factor of 4 each, found at block 19."""
    names = [f"layers.{i}" for i in range(50)]
    blocks = tuple(
        BlockReport(
            name=name,
            depth=i + 1,
            kind="plain",
            module=name,
            signal_rms=Value.of(0.9 * 0.5**i),
            gradient_rms=Value.of(1e-3 * 0.25 ** (49 - i)),
            jacobian=spectrum(0.9, 0.25, 12.0),
        )
        for i, name in enumerate(names)
    )
    return ReportData(
        target="examples/deep.py:plain50",
        verdict=Verdict(
            label="vanishing",
            probability=0.004,
            reason="the gradient falls by 3.2e29 over 50 blocks and no skip carries it",
            is_calibrated=True,
        ),
        structure=Structure(
            num_blocks=50,
            depth=50,
            paths=PathLaw(log10_count=0.0, min_length=50, max_length=50, mean_length=50.0),
            folds=(Fold(name="layers.1", first=1, count=48),),
            num_parameters=204_800,
        ),
        blocks=blocks,
        end_to_end=EndToEnd(
            log10_gradient_ratio=Value.of(-29.5, 0.1), log10_signal_ratio=Value.of(-14.7)
        ),
        findings=(
            Finding(
                code="G201",
                name="vanishing-gradient",
                where="layers.19",
                value=Value.of(8.7e-22),
                threshold=Value.of(1e-6),
                reason="gradient rms 8.7e-22, 1e18 times below the last block",
                remedy="identity skip around every 2 layers",
            ),
            Finding(
                code="S101",
                name="deep-stack-without-skip",
                where="",
                value=Value.of(50.0),
                threshold=Value.of(20.0),
                reason="50 blocks in a row and no skip",
                remedy="plusone fix examples/deep.py:plain50",
                severity="warning",
            ),
        ),
        cost=COST,
        not_measured=(NotMeasured(what="rank", why="a batch of one sample has no rank"),),
        provenance=PROVENANCE,
    )


@functools.cache
def thousand() -> ReportData:
    """1,000 residual blocks, three of them projections; the worst case for size."""
    names = [f"stages.{i // 250}.blocks.{i % 250}" for i in range(1000)]
    skips: list[Kind] = ["projection" if i in (250, 500, 750) else "identity" for i in range(1000)]
    blocks = tuple(
        residual_block(i, name=name, total=1000, skip=skips[i]) for i, name in enumerate(names)
    )
    return ReportData(
        target="examples/deep.py:resnet1000",
        verdict=Verdict(label="trainable", probability=0.71, reason="growth is polynomial"),
        structure=Structure(
            num_blocks=1000,
            depth=1000,
            skips=chain_skips(names, skips),
            paths=binomial_law(1000, branch_gain=0.1),
            folds=tuple(Fold(name=names[i], first=i, count=249) for i in (1, 251, 501, 751)),
            num_parameters=1_000_000_000,
        ),
        blocks=blocks,
        end_to_end=EndToEnd(log10_gradient_ratio=Value.of(1.2)),
        cost=COST,
        provenance=PROVENANCE,
    )


def broken() -> ReportData:
    """Eight blocks whose numbers turn to infinity and NaN; nothing finite is left at the end."""
    states = (1.0, 3e4, 2e21, math.inf, math.inf, -math.inf, math.nan, math.nan)
    blocks = tuple(
        BlockReport(
            name=f"blocks.{i}",
            depth=i + 1,
            module=f"blocks.{i}",
            skip="scaled",
            signal_rms=Value.of(x),
            gradient_rms=Value.of(math.nan),
            residual_ratio=Value.of(x),
            jacobian=spectrum(x, x, math.nan),
            branch_jacobian=spectrum(x, math.nan, math.nan),
            similarity=Value.of(math.nan),
            rank=Value.of(math.nan),
        )
        for i, x in enumerate(states)
    )
    names = [block.name for block in blocks]
    return ReportData(
        target="broken.py:model",
        verdict=Verdict(label="unstable", probability=0.0, reason="not a number from blocks.3 on"),
        structure=Structure(
            num_blocks=8,
            depth=8,
            skips=chain_skips(names, ["scaled"] * 8),
            paths=PathLaw(
                log10_count=math.log10(256),
                min_length=0,
                max_length=8,
                mean_length=4.0,
                effective_length=math.nan,
                lengths=tuple(range(9)),
                log10_counts=tuple(math.log10(math.comb(8, k)) for k in range(9)),
                weights=(math.nan,) * 9,
            ),
        ),
        blocks=blocks,
        end_to_end=EndToEnd(
            log10_gradient_ratio=Value.of(math.nan),
            log10_signal_ratio=Value.of(math.inf),
            singular_values=SingularValues(
                min=Value.of(math.nan), median=Value.of(-math.inf), max=Value.of(math.inf)
            ),
        ),
        findings=(
            Finding(
                code="N501",
                name="non-finite",
                where="blocks.3",
                value=Value.of(math.inf),
                threshold=Value.of(3.4e38),
                reason="the signal overflows float32",
                remedy="scale each branch by 1/sqrt(depth)",
            ),
        ),
        cost=Cost(seconds=0.5, forward_backward_seconds=0.0, ratio=math.nan),
        provenance=PROVENANCE,
    )


def empty() -> ReportData:
    """What `plusone map` gives for a single layer: no block, no verdict, nothing measured."""
    return ReportData(
        target="nn.Linear(4, 4)",
        structure=Structure(
            num_blocks=0,
            depth=0,
            paths=PathLaw(log10_count=0.0, min_length=0, max_length=0, mean_length=0.0),
            num_parameters=20,
        ),
        not_measured=(NotMeasured(what="everything but structure", why="this is a map"),),
    )


def hostile() -> ReportData:
    """A report whose every name tries to break out of the page, the script or the line."""
    evil = '</script><script>alert("x")</script>&<b>'
    return ReportData(
        target=evil,
        verdict=Verdict(label="exploding", probability=0.2, reason=f"{evil}\n::error::"),
        structure=Structure(
            num_blocks=1,
            depth=1,
            skips=(
                Skip(
                    kind="gated",
                    source=evil,
                    join=evil,
                    module=evil,
                    span=1,
                    first_block=0,
                    last_block=0,
                ),
            ),
            paths=PathLaw(log10_count=0.3, min_length=0, max_length=1, mean_length=0.5),
            folds=(Fold(name=evil, first=0, count=1),),
        ),
        blocks=(BlockReport(name=evil, depth=1, skip="gated", signal_rms=Value.of(1.0)),),
        findings=(
            Finding(
                code="G202",
                name=evil,
                where=evil,
                value=Value(),
                threshold=Value(),
                reason=f"100 %, {evil}\nsecond line",
                remedy=evil,
            ),
        ),
        not_measured=(NotMeasured(what=evil, why=evil),),
        notes=(evil,),
        provenance=Provenance(loss=evil, inputs='" onload="x', mode="eval"),
    )


def mixed_transformer() -> ReportData:
    """24 blocks of attention and MLP, all kinds of skip, names of 60 letters."""
    names = [
        f"model.language_model.encoder.transformer.layers.{i // 2}.{part}"
        for i, part in enumerate(["self_attention", "feed_forward_network"] * 12)
    ]
    cycle: tuple[Kind, ...] = ("identity", "gated", "scaled", "attention")
    skips = [cycle[i // 6] for i in range(24)]
    blocks = tuple(
        residual_block(i, name=name, total=24, skip=skips[i]) for i, name in enumerate(names)
    )
    long = Skip(
        kind="concat",
        source="embed",
        join="head.cat",
        module="head",
        span=48,
        first_block=0,
        last_block=23,
    )
    return ReportData(
        target="hf:some/very-long-configuration-name-of-a-model-that-does-not-fit/config.json",
        verdict=Verdict(label="trainable", probability=0.93, reason="every block adds a little"),
        structure=Structure(
            num_blocks=24,
            depth=24,
            skips=(*chain_skips(names, skips), long),
            paths=binomial_law(24, branch_gain=0.2),
            folds=(Fold(name=names[0], first=0, count=12, period=2),),
            num_parameters=86_000_000,
        ),
        blocks=blocks,
        end_to_end=EndToEnd(log10_gradient_ratio=Value.of(0.8)),
        cost=COST,
        provenance=PROVENANCE,
    )


ALL = {
    build.__name__: build
    for build in (resnet50, unet, vanishing, thousand, broken, empty, hostile, mixed_transformer)
}
