"""The pipeline: resolve, capture, find skips, measure, judge, report. Knows all stages."""

from __future__ import annotations

import platform
import time
from dataclasses import replace

import torch

from plusone import __version__
from plusone.capture.eager import batch_size, record
from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import Sandbox, sandbox
from plusone.errors import InputError
from plusone.graph.latent import latent_of, may_have_latent
from plusone.graph.purpose import gives_back_input
from plusone.graph.skipgraph import find_skips
from plusone.graph.structure import structure_of
from plusone.judge.judge import judge
from plusone.judge.passages import unjudged
from plusone.probe.batchnorm import use_batch_where_fresh
from plusone.probe.bypass import bypass_share
from plusone.probe.collapse import room_of_code
from plusone.probe.jacobians import Spectra, SpectraRequest, measure_spectra, with_spectra
from plusone.probe.measure import profile_evidence
from plusone.probe.noiseless import without_noise
from plusone.probe.passes import Passes, Progress, collector_paused, plain_seconds, run_passes
from plusone.probe.profile import Profile
from plusone.probe.signal import SignalObserver
from plusone.records import (
    VALUE_DEPENDENT,
    Bypass,
    Cost,
    NotMeasured,
    Provenance,
    ReportData,
    ScanConfig,
    Value,
)
from plusone.report.report import Report
from plusone.target.frozen import frozen_note
from plusone.target.members import tensors_of
from plusone.target.subject import LossFn, Subject, subject_of
from plusone.theory.of_blocks import closed_form


def scan(
    model: object,
    inputs: object = None,
    targets: object | None = None,
    loss_fn: LossFn | None = None,
    *,
    config: ScanConfig | None = None,
    **options: object,
) -> Report:
    """The report on `model` at the given parameters and batch; the model is left as it was.

    `inputs` is a tensor, a tuple of positional arguments or a dict of keyword arguments. Without
    a loss, random cotangents of unit variance stand for the gradient of the output, and the
    report says so. Where no gradient can be measured, the report has no verdict and its
    `not_measured` says why. `options` are fields of `ScanConfig`: `scan(model, x, quick=True)`.

    Raises:
        PlusoneError: the inputs do not fit or have no values (the meta device), or the model's
            forward raised.
    """
    subject = subject_of(model, inputs, targets, loss_fn)
    return scan_subject(subject, replace(config or ScanConfig(), **options))  # type: ignore[arg-type]


def scan_subject(subject: Subject, config: ScanConfig, progress: Progress | None = None) -> Report:
    """The report on a resolved subject. `progress` is told each stage and the share done."""
    tell = progress or (lambda stage, share: None)
    start = time.perf_counter()
    _check_has_values(subject)
    with sandbox(subject.model) as box:
        mode = _set_mode(subject, config)
        torch.manual_seed(config.seed)
        tell("recording one forward", 0.0)
        passes = run_passes(subject, config, box, tell)
        passes = _with_bypass(subject, config, box, passes)
        seconds = 0.0
        if config.timed and not config.quick and passes.profile.gradient is not None:
            tell("timing a plain forward and backward", 0.2)
            seconds = plain_seconds(subject, box, config)
        spectra = Spectra()
        if not config.quick and passes.profile.gradient is not None and passes.graph.blocks:
            tell("Jacobian spectra", 0.3)
            request = _request(subject, passes)
            with collector_paused():
                spectra = measure_spectra(request, box=box, config=config, progress=tell)
    tell("judging", 0.95)
    spectra = replace(spectra, not_measured=(*passes.not_measured, *spectra.not_measured))
    provenance = _provenance(subject, config, (mode, passes.loss, spectra.method))
    return _report(subject, config, passes, spectra, provenance, (start, seconds))


def _check_has_values(subject: Subject) -> None:
    held = [t for _, t in tensors_of(subject.model)]
    if any(t.is_meta for t in (*held, *tensors_in((subject.args, subject.kwargs)))):
        raise InputError(
            f"{subject.name} is on the meta device and has no values to measure: `plusone map` "
            "shows its structure, and to_empty with an initialisation gives it values"
        )


def map_subject(subject: Subject, config: ScanConfig) -> Report:
    """The report on structure alone: one forward, also on the meta device; no backward."""
    start = time.perf_counter()
    with sandbox(subject.model) as box:
        mode = _set_mode(subject, config)
        torch.manual_seed(config.seed)
        with collector_paused():
            trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
            graph = find_skips(trace)
    gaps = [NotMeasured(what="everything but structure", why="this is a map")]
    if trace.num_guessed:
        times = "once" if trace.num_guessed == 1 else f"{trace.num_guessed} times"
        why = f"the model asked {times} for a value, which the meta device has not, and was told 0"
        gaps.append(NotMeasured(what=VALUE_DEPENDENT, why=why))
    data = ReportData(
        target=subject.name,
        structure=structure_of(graph, trace.num_parameters),
        blocks=profile_evidence(
            Profile(trace=trace, graph=graph, signal=SignalObserver(None), gradient=None)
        ).blocks,
        cost=Cost(seconds=time.perf_counter() - start),
        not_measured=tuple(gaps),
        provenance=_provenance(subject, config, (mode, "none: structure alone", "")),
    )
    return Report(data)


def _set_mode(subject: Subject, config: ScanConfig) -> str:
    """Put the model in the mode that was asked for; returns it in words."""
    if config.mode != "as-is":
        subject.model.train(config.mode == "train")
    mode = "train" if subject.model.training else "eval"
    batch = batch_size(subject.args, subject.kwargs)
    num_fresh = use_batch_where_fresh(subject.model) if batch is not None and batch > 1 else 0
    if not num_fresh:
        return mode
    return f"{mode}; {num_fresh} batch norms never saw a batch and use the statistics of this one"


def _request(subject: Subject, passes: Passes) -> SpectraRequest:
    return SpectraRequest(
        model=subject.model,
        args=subject.args,
        kwargs=subject.kwargs,
        trace=passes.profile.trace,
        graph=passes.graph,
        statistics=passes.profile.signal.statistics(passes.profile.trace),
        squares=passes.squares,
    )


def _with_bypass(subject: Subject, config: ScanConfig, box: Sandbox, passes: Passes) -> Passes:
    """The passes with whether the model gives back its input and, if so, around what latent."""
    trace = passes.profile.trace
    gives_back = gives_back_input(subject, trace)
    evidence = replace(passes.evidence, gives_back_input=gives_back)
    is_told = gives_back is True
    if may_have_latent(trace, is_told) and (is_told or subject.targets is None):
        latent = latent_of(trace, targets_are_inputs=is_told)
        if latent is not None:
            found = bypass_share(subject, latent, batch=latent.rows, box=box, seed=config.seed)
            bypass = Bypass(
                share=found.share,
                shut=found.shut,
                width=Value.of(latent.width),
                latent=latent.name,
                enters=latent.enters,
                size=latent.size,
                around=latent.size_around,
                room=room_of_code((subject.args, subject.kwargs), trace.batch, latent.size),
            )
            passes = _of_means(subject, config, box, passes)
            whole = replace(passes.evidence.end_to_end, bypass=bypass)
            evidence = replace(evidence, end_to_end=whole)
    return replace(passes, evidence=evidence)


def _of_means(subject: Subject, config: ScanConfig, box: Sandbox, passes: Passes) -> Passes:
    """Directions and geometry without the noise of the latent, where they were measured with it."""
    whole = passes.evidence.end_to_end
    measured = whole.gradient_collapse, whole.input_alignment
    is_noisy = may_have_latent(passes.profile.trace, targets_are_inputs=False)
    if not is_noisy or not all(value.is_measured for value in measured):
        return passes
    found = without_noise(subject, passes.profile, box=box, seed=config.seed)
    if found is None or not all(value.is_measured for value in found):
        why = "a second forward ran other operations, or allowed no backward"
        gap = NotMeasured(what="directions and geometry without the latent's noise", why=why)
        return replace(passes, not_measured=(*passes.not_measured, gap))
    whole = replace(whole, gradient_collapse=found[0], input_alignment=found[1])
    return replace(passes, evidence=replace(passes.evidence, end_to_end=whole))


def _report(
    subject: Subject,
    config: ScanConfig,
    passes: Passes,
    spectra: Spectra,
    provenance: Provenance,
    clock: tuple[float, float],
) -> Report:
    evidence = with_spectra(passes.evidence, spectra)
    closed = closed_form(evidence.blocks, evidence.trunk)
    evidence = replace(evidence, end_to_end=replace(evidence.end_to_end, log10_closed_form=closed))
    trace = passes.profile.trace
    structure = structure_of(passes.graph, trace.num_parameters, spectra.gains)
    findings, verdict = judge(structure, evidence, config)
    start, plain = clock
    seconds = time.perf_counter() - start
    data = ReportData(
        target=subject.name,
        verdict=verdict,
        structure=structure,
        blocks=evidence.blocks,
        end_to_end=evidence.end_to_end,
        findings=findings,
        cost=Cost(
            seconds=seconds,
            forward_backward_seconds=plain,
            ratio=seconds / plain if plain else 0.0,
        ),
        not_measured=(*evidence.not_measured, *unjudged(structure, evidence)),
        notes=tuple(filter(None, (frozen_note(subject.model),))),
        provenance=provenance,
    )
    return Report(data)


def _provenance(subject: Subject, config: ScanConfig, words: tuple[str, str, str]) -> Provenance:
    mode, loss, spectra = words
    parameter = next(subject.model.parameters(), None)
    return Provenance(
        plusone=__version__,
        torch=str(torch.__version__),
        python=platform.python_version(),
        device=str(parameter.device) if parameter is not None else "cpu",
        dtype=str(parameter.dtype).removeprefix("torch.") if parameter is not None else "",
        mode=mode,
        seed=config.seed,
        threads=torch.get_num_threads(),
        inputs=_describe(subject),
        loss=loss,
        spectra=spectra,
        repeats=config.repeats,
    )


def _describe(subject: Subject) -> str:
    shown = []
    named = [*((str(i), a) for i, a in enumerate(subject.args)), *subject.kwargs.items()]
    for name, value in named:
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            shown.append(f"{name}: {kind}{list(value.shape)}")
        else:
            shown.append(f"{name}: {type(value).__name__}")
    batch = batch_size(subject.args, subject.kwargs)
    taken = "no batch dimension" if batch is None else f"dimension 0 taken for {batch} samples"
    return f"{', '.join(shown)}; {taken}"
