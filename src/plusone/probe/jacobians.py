"""The spectra of all blocks and of the whole net, from one linearisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import Trace, ValueRef
from plusone.errors import CaptureError
from plusone.graph.skipgraph import SkipGraph
from plusone.probe.batchnorm import Statistics
from plusone.probe.block_spectra import BlockSpectra, Unmeasured, block_spectra
from plusone.probe.endtoend import DensityConfig, SingularDensity, end_to_end_density
from plusone.probe.fronts import chain_from, fronts_of
from plusone.probe.joins import places_of, samples_between
from plusone.probe.linearise import Linearisation, linearise
from plusone.probe.path_gains import path_gains
from plusone.probe.spectrum import Estimate, JacobianSpectrum, SpectrumConfig
from plusone.records import (
    NOT_MEASURED,
    BlockReport,
    Evidence,
    NotMeasured,
    ScanConfig,
    SingularValues,
    Spectrum,
    Value,
)

# A composite block's Jacobian runs through all blocks inside. Together they may cost as much as
# this many sweeps over the whole net; further ones are not measured.
_COMPOSITE_SWEEPS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectra:
    """What was found: spectra by block number, end-to-end values, gains for the path law.

    `gains` are those of a random gradient's second moment over the edges of the graph of paths
    (empty where one is not known). `method` says in words how it was measured.
    """

    blocks: Mapping[int, BlockSpectra] = field(default_factory=dict)
    end_to_end: SingularDensity | None = None
    gains: tuple[float, ...] = ()
    method: str = ""
    not_measured: tuple[NotMeasured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectraRequest:
    """What to linearise: the model's call, the first recording's trace and its skip graph.

    `squares` are the mean squares of the first forward's outputs, sample by sample.
    """

    model: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    trace: Trace
    graph: SkipGraph
    statistics: Statistics
    squares: tuple[torch.Tensor, ...] = ()


def measure_spectra(
    request: SpectraRequest,
    *,
    box: Sandbox,
    config: ScanConfig,
    progress: Callable[[str, float], None],
) -> Spectra:
    """The spectra of every block of the graph that can be had; the others with reasons.

    Cost: one forward on `config.samples` samples, then some seven pairs of Jacobian products over
    all blocks, and as many again over the whole net.
    """
    graph = request.graph
    if graph.first is None or graph.last is None:
        return Spectra(not_measured=(NotMeasured(what="Jacobian spectra", why="no blocks"),))
    try:
        line = linearise(
            request.model,
            request.args,
            request.kwargs,
            box=box,
            trace=request.trace,
            statistics=request.statistics,
            samples=config.samples,
            probe=(graph.first, graph.last),
            beside=_pairs(request),
            squares=request.squares,
        )
    except CaptureError as error:
        return Spectra(not_measured=(NotMeasured(what="Jacobian spectra", why=str(error)),))
    generator = torch.Generator().manual_seed(config.seed)
    blocks, gaps = measure_blocks(line, graph, generator, config, progress)
    progress("end-to-end Jacobian", 0.8)
    whole = _end_to_end(line, request, generator)
    if isinstance(whole, Unmeasured):
        gaps.append(NotMeasured(what="end-to-end singular values", why=whole.reason))
    elif whole.unresolved:
        why = f"{whole.num_products} products do not resolve the small singular values"
        what = f"{' and '.join(whole.unresolved)} end-to-end singular value"
        gaps.append(NotMeasured(what=what, why=why))
    gains = path_gains(line, graph, blocks, generator=generator)
    unknown = {graph.path_edges[k].block for k, gain in enumerate(gains) if math.isnan(gain)}
    if unknown:
        names = [graph.blocks[k].name for k in sorted(unknown) if k >= 0]
        why = f"the gain of {_shown(names)} is not known" if names else "a gain is not known"
        gaps.append(NotMeasured(what="gradient-weighted path length", why=why))
    return Spectra(
        blocks=blocks,
        end_to_end=None if isinstance(whole, Unmeasured) else whole,
        gains=() if unknown else gains,
        method=_method(line, request),
        not_measured=tuple(gaps),
    )


def _pairs(request: SpectraRequest) -> list[tuple[ValueRef, ValueRef]]:
    """What tells whether samples are independent where first and last value do not."""
    trace, blocks = request.trace, request.graph.blocks
    ends = [((number, 0), output) for number in trace.inputs for output in trace.outputs]
    return [*ends, *((block.entry, block.output) for block in blocks)]


def measure_blocks(
    line: Linearisation,
    graph: SkipGraph,
    generator: torch.Generator,
    config: ScanConfig,
    progress: Callable[[str, float], None],
) -> tuple[dict[int, BlockSpectra], list[NotMeasured]]:
    """The spectra of the blocks by number, and the reasons where there are none."""
    found: dict[int, BlockSpectra] = {}
    missing: dict[str, list[str]] = {}
    without_branch: list[str] = []
    together: list[str] = []
    budget = _COMPOSITE_SWEEPS * graph.num_operations
    for k, block in enumerate(graph.blocks):
        progress("Jacobian spectra", 0.3 + 0.5 * k / len(graph.blocks))
        if block.is_composite:
            budget -= block.operations[1] - block.operations[0]
            if budget < 0:
                why = "it holds many blocks; its Jacobian costs as much as the whole net"
                missing.setdefault(why, []).append(block.name)
                continue
        places = places_of(line, block)
        if isinstance(places, str):
            missing.setdefault(places, []).append(block.name)
            continue
        found[k] = block_spectra(
            places, generator=generator, config=SpectrumConfig(tolerance=config.tolerance)
        )
        if places.batch is None and line.batch is not None:
            together.append(block.name)
        whole = found[k].block
        if isinstance(whole, Unmeasured):
            missing.setdefault(whole.reason, []).append(block.name)
        elif found[k].branch is None and block.kind == "residual":
            without_branch.append(block.name)
    gaps = [_gap("Jacobian", why, names) for why, names in missing.items()]
    if together:
        why = "samples are not kept apart there: all of them were taken as one vector"
        gaps.append(_gap("Jacobian by sample", why, together))
    if without_branch:
        why = "several branches that do not just add to the input"
        gaps.append(_gap("branch Jacobian", why, without_branch))
    return found, gaps


def _gap(what: str, why: str, names: list[str]) -> NotMeasured:
    return NotMeasured(what=f"{what} of {_shown(names)}", why=why)


def _shown(names: list[str]) -> str:
    more = [f"{len(names) - 3} more"] if len(names) > 3 else []
    *most, last = [*names[:3], *more]
    return f"{', '.join(most)} and {last}" if most else last


def _end_to_end(
    line: Linearisation, request: SpectraRequest, generator: torch.Generator
) -> SingularDensity | Unmeasured:
    graph = request.graph
    assert graph.first is not None
    assert graph.last is not None
    source, target = line.place(graph.first), line.place(graph.last)
    if source is None or target is None:
        return Unmeasured(reason="autograd does not show the first input or the last output")
    chain = chain_from(graph.first, fronts_of(request.trace))
    places = [(line.place(front.next), front) for front in chain if front.next <= graph.last]
    return end_to_end_density(
        source,
        target=target,
        batch=samples_between(source, [target], line.batch),
        generator=generator,
        config=DensityConfig(),
        fronts=[(place, front) for place, front in places if place is not None],
    )


def _method(line: Linearisation, request: SpectraRequest) -> str:
    total = request.trace.batch
    if total is None:
        how = "the inputs as one vector (they have no batch dimension)"
    elif line.batch is None:
        how = "the whole batch as one vector (what stands along dimension 0 is coupled)"
    else:
        of = f" of {total}" if total is not None and total > line.samples else ""
        how = f"per sample, on {line.samples}{of} samples"
    held = ", statistics of batch norms held fixed" if request.statistics else ""
    return f"Golub-Kahan, exact products; {how}{held}"


def with_spectra(evidence: Evidence, spectra: Spectra) -> Evidence:
    """The evidence with the spectra filled in."""
    blocks = tuple(
        _with_block(report, spectra.blocks[k]) if k in spectra.blocks else report
        for k, report in enumerate(evidence.blocks)
    )
    end_to_end = evidence.end_to_end
    density = spectra.end_to_end
    if density is not None:
        unresolved = density.unresolved
        end_to_end = replace(
            end_to_end,
            singular_values=SingularValues(
                # A few products bound the small values from above only, which would mislead.
                min=NOT_MEASURED if "smallest" in unresolved else _value(density.min),
                median=NOT_MEASURED if "median" in unresolved else _value(density.median),
                max=_value(density.max),
            ),
            method=_density_method(density),
        )
    return replace(
        evidence,
        blocks=blocks,
        end_to_end=end_to_end,
        not_measured=(*evidence.not_measured, *spectra.not_measured),
    )


def _density_method(density: SingularDensity) -> str:
    if density.is_exact:
        return "exact, by one product for each output"
    return (
        f"Golub-Kahan quadrature, {density.num_products} products, distribution within "
        f"{100 * density.distance_error:.1f} % (1-Wasserstein over the largest)"
    )


def _with_block(report: BlockReport, spectra: BlockSpectra) -> BlockReport:
    step = spectra.stability
    found = replace(
        report, jacobian=_spectrum(spectra.block), branch_jacobian=_spectrum(spectra.branch)
    )
    if step is None:
        return found
    return replace(
        found,
        step_growth=Value.of(step.growth, stderr=step.growth_error),
        step_limit=Value.of(step.limit, stderr=step.limit_error),
    )


def _spectrum(found: JacobianSpectrum | Unmeasured | None) -> Spectrum:
    if found is None:
        return Spectrum()
    if isinstance(found, Unmeasured):
        return Spectrum(
            frobenius_rms=_value(found.frobenius_rms) if found.frobenius_rms else NOT_MEASURED
        )
    return Spectrum(
        spectral_norm=_value(found.spectral_norm),
        frobenius_rms=_value(found.frobenius_rms),
        stable_rank=_value(found.stable_rank),
    )


def _value(estimate: Estimate) -> Value:
    return Value.of(estimate.value, stderr=estimate.total or None)
