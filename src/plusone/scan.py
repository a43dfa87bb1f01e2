"""The pipeline: resolve, capture, find skips, measure, judge, report. Knows all stages."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from plusone import __version__
from plusone.capture.eager import Recording, batch_size, record
from plusone.capture.nested import map_tensors
from plusone.capture.sandbox import Sandbox, sandbox
from plusone.capture.trace import ValueRef
from plusone.errors import CaptureError, PlusoneError
from plusone.graph.skipgraph import SkipGraph, find_skips
from plusone.graph.structure import structure_of
from plusone.judge.judge import judge
from plusone.probe.backward import Backward
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import GradientProfile, gradient_profile
from plusone.probe.jacobians import Spectra, SpectraRequest, measure_spectra, with_spectra
from plusone.probe.measure import Profile, profile_evidence
from plusone.probe.moments import mean_square
from plusone.probe.signal import SignalObserver
from plusone.records import (
    Cost,
    Evidence,
    NotMeasured,
    Provenance,
    ReportData,
    ScanConfig,
    Verdict,
)
from plusone.report.report import Report
from plusone.target.subject import LossFn, Subject, subject_of

Progress = Callable[[str, float], None]


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
    report says so. `options` are fields of `ScanConfig`: `scan(model, x, quick=True)`.

    Raises:
        PlusoneError: the inputs do not fit, or the model's forward raised.
    """
    subject = subject_of(model, inputs, targets, loss_fn)
    return scan_subject(subject, replace(config or ScanConfig(), **options))  # type: ignore[arg-type]


def scan_subject(subject: Subject, config: ScanConfig, progress: Progress | None = None) -> Report:
    """The report on a resolved subject. `progress` is told each stage and the share done."""
    tell = progress or (lambda stage, share: None)
    start = time.perf_counter()
    with sandbox(subject.model) as box:
        _set_mode(subject, config)
        torch.manual_seed(config.seed)
        tell("recording one forward", 0.0)
        measured = _measure_profile(subject, config, box, tell)
        seconds = 0.0
        if config.timed and measured.profile.gradient is not None:
            tell("timing a plain forward and backward", 0.2)
            seconds = _plain_seconds(subject, box, config)
        spectra = Spectra(not_measured=measured.not_measured)
        if not config.quick and measured.profile.gradient is not None:
            tell("Jacobian spectra", 0.3)
            request = SpectraRequest(
                model=subject.model,
                args=subject.args,
                kwargs=subject.kwargs,
                trace=measured.profile.trace,
                graph=measured.graph,
                statistics=measured.profile.signal.statistics(measured.profile.trace),
                squares=measured.squares,
            )
            found = measure_spectra(request, box=box, config=config, progress=tell)
            spectra = replace(found, not_measured=(*measured.not_measured, *found.not_measured))
    tell("judging", 0.95)
    return _report(subject, config, measured, spectra, (start, seconds))


def map_subject(subject: Subject, config: ScanConfig) -> Report:
    """The report on structure alone: one forward, also on the meta device; no backward."""
    start = time.perf_counter()
    with sandbox(subject.model) as box:
        _set_mode(subject, config)
        torch.manual_seed(config.seed)
        with _collector_paused():
            trace = record(subject.model, subject.args, subject.kwargs, box=box).trace
            graph = find_skips(trace)
    data = ReportData(
        target=subject.name,
        structure=structure_of(graph, trace.num_parameters),
        blocks=profile_evidence(
            Profile(trace=trace, graph=graph, signal=SignalObserver(None), gradient=None)
        ).blocks,
        cost=Cost(seconds=time.perf_counter() - start),
        not_measured=(NotMeasured(what="everything but structure", why="this is a map"),),
        provenance=_provenance(subject, config, loss="none: structure alone"),
    )
    return Report(data)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Without the cyclic garbage collector, which walks all of a growing trace again and again."""
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    profile: Profile
    graph: SkipGraph
    evidence: Evidence
    squares: tuple[torch.Tensor, ...]
    loss: str
    not_measured: tuple[NotMeasured, ...]


def _set_mode(subject: Subject, config: ScanConfig) -> None:
    if config.mode != "as-is":
        subject.model.train(config.mode == "train")


def _measure_profile(
    subject: Subject, config: ScanConfig, box: Sandbox, tell: Progress
) -> _Measured:
    batch = batch_size(subject.args, subject.kwargs)
    observer = SignalObserver(batch)
    with _collector_paused():
        recording = record(subject.model, subject.args, subject.kwargs, box=box, observe=observer)
        graph = find_skips(recording.trace)
    profile = Profile(trace=recording.trace, graph=graph, signal=observer, gradient=None)
    tell("one backward", 0.1)
    loss = _loss_name(subject, recording)
    squares = tuple(mean_square(t, batch) for t in recording.outputs)
    gaps: list[NotMeasured] = []
    if recording.is_walked:
        why = "the model does not run under a dispatch mode; its graph was read off autograd's"
        gaps.append(NotMeasured(what="signal and ratios at the joins", why=why))
    try:
        profile = replace(profile, gradient=_gradient(subject, config, recording, graph))
        if _head_is_shut(profile):
            del recording
            profile = replace(profile, gradient=_below_head(subject, config, box, graph))
            loss = "random cotangents of unit variance at the last block: the head passes none"
    except PlusoneError as error:
        gaps.append(NotMeasured(what="gradient and Jacobian spectra", why=str(error)))
    except RuntimeError as error:
        why = f"the backward raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        gaps.append(NotMeasured(what="gradient and Jacobian spectra", why=why))
    box.restore_contents()
    box.restore_random_state()
    return _Measured(
        profile=profile,
        graph=graph,
        evidence=profile_evidence(profile),
        squares=squares,
        loss=loss,
        not_measured=tuple(gaps),
    )


def _gradient(
    subject: Subject, config: ScanConfig, recording: Recording, graph: SkipGraph
) -> GradientProfile:
    backward = Backward(recording, subject.model, targets=subject.targets, loss_fn=subject.loss_fn)
    generator = torch.Generator().manual_seed(config.seed)
    return gradient_profile(
        EdgeFinder(recording, backward.roots),
        _borders(graph),
        recording.trace.batch,
        lambda: backward.run(repeats=config.repeats, generator=generator),
    )


def _borders(graph: SkipGraph) -> list[ValueRef]:
    return [value for block in graph.blocks for value in (block.entry, block.output)]


def _head_is_shut(profile: Profile) -> bool:
    """Whether the gradient at the last block is exactly zero: a head that starts at zero."""
    if profile.gradient is None or profile.graph.last is None:
        return False
    arriving = profile.gradient.at.get(profile.graph.last)
    return arriving is not None and float(arriving.abs().sum()) == 0.0


def _below_head(
    subject: Subject, config: ScanConfig, box: Sandbox, graph: SkipGraph
) -> GradientProfile | None:
    """The gradient from a random cotangent at the last block, on a fresh forward."""
    box.restore_contents()
    torch.manual_seed(config.seed)
    recording = record(subject.model, subject.args, subject.kwargs, box=box)
    backward = Backward(recording, subject.model, targets=None, loss_fn=None)
    finder = EdgeFinder(recording, recording.outputs)
    start = finder.edge(graph.last) if graph.last is not None else None
    if start is None:
        return None
    generator = torch.Generator().manual_seed(config.seed)
    return gradient_profile(
        finder,
        _borders(graph),
        recording.trace.batch,
        lambda: backward.run_from(start, generator=generator),
    )


def _plain_seconds(subject: Subject, box: Sandbox, config: ScanConfig) -> float:
    """Seconds of one forward and backward with weight gradients, without any recording."""
    model = subject.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    args, kwargs = map_tensors(lambda t: t.detach().clone(), (subject.args, subject.kwargs))
    torch.manual_seed(config.seed)
    start = time.perf_counter()
    Backward.plain(model, args, kwargs, parameters)
    seconds = time.perf_counter() - start
    box.restore_contents()
    box.restore_random_state()
    return seconds


def _report(
    subject: Subject,
    config: ScanConfig,
    measured: _Measured,
    spectra: Spectra,
    clock: tuple[float, float],
) -> Report:
    evidence = with_spectra(measured.evidence, spectra)
    trace = measured.profile.trace
    structure = structure_of(measured.graph, trace.num_parameters, spectra.gains)
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
        not_measured=evidence.not_measured,
        provenance=_provenance(subject, config, loss=measured.loss, spectra=spectra.method),
    )
    return Report(data)


def _loss_name(subject: Subject, recording: Recording) -> str:
    if subject.loss_fn is not None:
        return getattr(subject.loss_fn, "__name__", type(subject.loss_fn).__name__)
    if recording.loss is not None:
        return "the model's own loss"
    return "random cotangents of unit variance on every output"


def _provenance(
    subject: Subject, config: ScanConfig, *, loss: str, spectra: str = ""
) -> Provenance:
    parameter = next(subject.model.parameters(), None)
    return Provenance(
        plusone=__version__,
        torch=str(torch.__version__),
        python=platform.python_version(),
        device=str(parameter.device) if parameter is not None else "cpu",
        dtype=str(parameter.dtype).removeprefix("torch.") if parameter is not None else "",
        mode=_mode_of(subject, config),
        seed=config.seed,
        threads=torch.get_num_threads(),
        inputs=_describe(subject),
        loss=loss,
        spectra=spectra,
        repeats=config.repeats,
    )


def _mode_of(subject: Subject, config: ScanConfig) -> str:
    if config.mode != "as-is":
        return config.mode
    return "train" if subject.model.training else "eval"


def _describe(subject: Subject) -> str:
    shown = []
    named = [*((str(i), a) for i, a in enumerate(subject.args)), *subject.kwargs.items()]
    for name, value in named:
        if isinstance(value, torch.Tensor):
            kind = str(value.dtype).removeprefix("torch.")
            shown.append(f"{name}: {kind}{list(value.shape)}")
        else:
            shown.append(f"{name}: {type(value).__name__}")
    return ", ".join(shown)


__all__ = ["CaptureError", "Verdict", "map_subject", "scan", "scan_subject"]
