"""The passes that make a profile: one recorded forward, one backward, a plain pair to time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from plusone.capture.eager import Recording, batch_size, record
from plusone.capture.nested import map_tensors, tensors_in
from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import ValueRef
from plusone.errors import InputError, PlusoneError
from plusone.graph.skipgraph import SkipGraph, find_skips
from plusone.graph.trunk import find_trunk
from plusone.probe.backward import Backward
from plusone.probe.collapse import (
    collapse_between,
    collapse_place,
    collapse_roots,
    input_alignment,
    why_not_calibrated,
)
from plusone.probe.edges import EdgeFinder
from plusone.probe.gradient import GradientProfile, gradient_profile
from plusone.probe.measure import profile_evidence
from plusone.probe.missing import why_no_blocks, why_none
from plusone.probe.moments import mean_square
from plusone.probe.nodes import nodes_in
from plusone.probe.profile import Profile, read_borders
from plusone.probe.signal import SignalObserver
from plusone.records import NOT_MEASURED, Evidence, NotMeasured, ScanConfig, Value
from plusone.target.members import parameters_of
from plusone.target.scalar_loss import loss_name
from plusone.target.subject import Subject

Progress = Callable[[str, float], None]

_SHUT = (
    "it is exactly zero at the last block, and a second forward, to begin it there, ran other "
    "operations than the first"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """What a forward and a backward gave.

    `squares` are the mean squares of the outputs, sample by sample; `loss` says in words where
    the gradient began.
    """

    profile: Profile
    graph: SkipGraph
    evidence: Evidence
    squares: tuple[torch.Tensor, ...]
    loss: str
    not_measured: tuple[NotMeasured, ...]


def run_passes(subject: Subject, config: ScanConfig, box: Sandbox, tell: Progress) -> Passes:
    """The profile and its evidence; the model's contents and random state are as before.

    A model whose backward cannot be run gives its signal alone, with the reason.
    """
    batch = batch_size(subject.args, subject.kwargs)
    nodes = nodes_in((subject.args, subject.kwargs), subject.model.buffers())
    observer = SignalObserver(batch, nodes)
    with collector_paused():
        recording = record(subject.model, subject.args, subject.kwargs, box=box, observe=observer)
        graph = find_skips(recording.trace)
    profile = Profile(trace=recording.trace, graph=graph, signal=observer, gradient=None)
    aligned = input_alignment(recording, observer, (subject.args, subject.kwargs), graph.first)
    read_borders(profile)
    tell("one backward", 0.1)
    loss = _loss_name(subject, recording)
    squares = tuple(mean_square(t, batch) for t in recording.outputs)
    gaps: list[NotMeasured] = []
    collapse = NOT_MEASURED
    if recording.is_walked:
        why = "the model does not run under a dispatch mode; its graph was read off autograd's"
        gaps.append(NotMeasured(what="signal and ratios at the joins", why=why))
    try:
        gradient, collapse = gradient_of(subject, config, recording, graph)
        profile = replace(profile, gradient=gradient)
        if _head_is_shut(profile):
            del recording
            below = _below_head(subject, config, box, profile)
            if below is not None:
                gradient, collapse = below
                profile = replace(profile, gradient=gradient)
                loss = "random cotangents of unit variance at the last block: the head passes none"
            else:
                collapse = NOT_MEASURED  # a head that passes none says nothing of the blocks
                gaps.append(NotMeasured(what="gradient", why=_SHUT))
    except (PlusoneError, RuntimeError) as error:
        profile = replace(profile, gradient=None)
        gaps.append(NotMeasured(what="gradient and Jacobian spectra", why=why_none(error)))
    graph = _seen(profile)
    profile = replace(profile, graph=graph)
    if not graph.blocks:
        why = why_no_blocks(subject.model, profile.trace)
        gaps.append(NotMeasured(what="blocks and all that is measured over them", why=why))
    box.restore_contents()
    box.restore_random_state()
    evidence = profile_evidence(profile)
    whole = replace(evidence.end_to_end, gradient_collapse=collapse, input_alignment=aligned)
    if not collapse.is_measured or not aligned.is_measured:
        what = "collapse of the gradient, geometry of the samples and calibrated probability"
        gaps.append(NotMeasured(what=what, why=why_not_calibrated(batch, collapse)))
    return Passes(
        profile=profile,
        graph=graph,
        evidence=replace(evidence, end_to_end=whole),
        squares=squares,
        loss=loss,
        not_measured=tuple(gaps),
    )


def gradient_of(
    subject: Subject, config: ScanConfig, recording: Recording, graph: SkipGraph
) -> tuple[GradientProfile, Value]:
    """The profile of the gradient, and how far its directions have collapsed."""
    backward = Backward(recording, subject.model, targets=subject.targets, loss_fn=subject.loss_fn)
    generator = torch.Generator().manual_seed(config.seed)
    finder = EdgeFinder(recording, backward.roots)
    returned = _returned(recording) if subject.loss_fn is not None else []
    if returned and subject.loss_fn is not None and not any(map(finder.reaches, returned)):
        raise InputError(
            f"the loss {loss_name(subject.loss_fn)} does not depend on what the model returned"
        )
    borders = _borders(graph)
    inputs = [(number, 0) for number in recording.trace.inputs]
    if borders and finder.lead_to(backward.parameters, borders):
        backward.leave_out_inputs()
        inputs = []
    batch = recording.trace.batch
    place = collapse_place(finder, graph)
    roots = collapse_roots(recording, finder, backward.outputs)
    is_same = backward.is_random and roots is backward.outputs
    profile = gradient_profile(
        finder,
        [*inputs, *borders],
        batch,
        lambda: backward.run(
            repeats=config.repeats, generator=generator, keep_graph=place is not None
        ),
        keep=graph.first if place is not None and is_same else None,
    )
    return profile, collapse_between(
        roots, place, batch=batch, known=profile.kept, generator=generator
    )


def _returned(recording: Recording) -> list[torch.Tensor]:
    """The tensors that the model returned and that have a gradient."""
    return [t for t in tensors_in(recording.result) if t.requires_grad]


def _borders(graph: SkipGraph) -> list[ValueRef]:
    return [value for block in graph.blocks for value in (block.entry, block.output)]


def _seen(profile: Profile) -> SkipGraph:
    """The graph with the trunk among the blocks that have a gradient, where it ends in none.

    A loss may leave out the deepest output, and a teacher that runs under no_grad may be deeper
    than what is trained.
    """
    graph = profile.graph
    if profile.gradient is None or graph.last in profile.gradient.at:
        return graph
    alive = [k for k, b in enumerate(graph.blocks) if b.output in profile.gradient.at]
    trunk = find_trunk(profile.trace, [graph.blocks[k] for k in alive])
    if trunk.last is None:
        return graph
    inside = tuple(alive[k] for k in trunk.blocks)
    return replace(graph, first=trunk.first, start=trunk.start, last=trunk.last, trunk=inside)


def _head_is_shut(profile: Profile) -> bool:
    """Whether the gradient at the last block is exactly zero, as under a head of zeros."""
    if profile.gradient is None or profile.graph.last is None:
        return False
    arriving = profile.gradient.at.get(profile.graph.last)
    return arriving is not None and float(arriving.abs().sum()) == 0.0


def _below_head(
    subject: Subject, config: ScanConfig, box: Sandbox, profile: Profile
) -> tuple[GradientProfile, Value] | None:
    """The gradient, and its collapse, from a random cotangent at the last block: a fresh forward.

    None where autograd does not see that block's output, or where the fresh forward ran other
    operations than the profile's, so that its values cannot be told by their numbers.

    Raises:
        InputError: the gradient is zero behind the head already, so that the loss is to blame.
    """
    graph = profile.graph
    box.restore_contents()
    torch.manual_seed(config.seed)
    recording = record(subject.model, subject.args, subject.kwargs, box=box)
    if [op.name for op in recording.trace.ops] != [op.name for op in profile.trace.ops]:
        return None
    _check_loss(subject, recording)
    backward = Backward(recording, subject.model, targets=None, loss_fn=None)
    finder = EdgeFinder(recording, recording.outputs)
    start = finder.edge(graph.last) if graph.last is not None else None
    if start is None:
        return None
    generator = torch.Generator().manual_seed(config.seed)
    batch = recording.trace.batch
    place = collapse_place(finder, graph)
    gradient = gradient_profile(
        finder,
        _borders(graph),
        batch,
        lambda: backward.run_from(start, generator=generator, keep_graph=place is not None),
        keep=graph.first if place is not None else None,
    )
    return gradient, collapse_between(
        [start], place, batch=batch, known=gradient.kept, generator=generator
    )


def _check_loss(subject: Subject, recording: Recording) -> None:
    """Raises where the loss passes a gradient of exactly zero to all that the model returned."""
    if subject.loss_fn is None and recording.loss is None:
        return
    with_loss = Backward(recording, subject.model, targets=subject.targets, loss_fn=subject.loss_fn)
    ends = [t for t in _returned(recording) if t is not recording.loss]
    if not ends:
        return
    arriving = torch.autograd.grad(with_loss.roots, ends, retain_graph=True, allow_unused=True)
    if not any(g is not None and bool((g != 0).any()) for g in arriving):
        named = (
            f"the loss {loss_name(subject.loss_fn)}" if subject.loss_fn else "the model's own loss"
        )
        raise InputError(
            f"{named} passes a gradient of exactly zero to the "
            "model's output: it is constant there, or multiplied by zero"
        )


def plain_seconds(subject: Subject, box: Sandbox, config: ScanConfig) -> float:
    """Seconds of one forward and backward with weight gradients, without any recording."""
    model = subject.model
    parameters = [p for _, p in parameters_of(model) if p.requires_grad]
    args, kwargs = map_tensors(lambda t: t.detach().clone(), (subject.args, subject.kwargs))
    torch.manual_seed(config.seed)
    start = time.perf_counter()
    Backward.plain(model, args, kwargs, parameters)
    seconds = time.perf_counter() - start
    box.restore_contents()
    box.restore_random_state()
    return seconds


def _loss_name(subject: Subject, recording: Recording) -> str:
    if subject.loss_fn is not None:
        return loss_name(subject.loss_fn)
    if recording.loss is not None:
        return "the model's own loss"
    return "random cotangents of unit variance on every output"


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the cyclic garbage collector, which walks all of a growing trace again and again."""
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()
