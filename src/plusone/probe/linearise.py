"""A second forward, made for Jacobians: few samples, no weight gradients, samples independent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_map

from plusone.capture.eager import Recording, record
from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import Trace, ValueRef
from plusone.errors import CaptureError
from plusone.probe.batchnorm import Statistics, freeze_batch_norms
from plusone.probe.edges import EdgeFinder
from plusone.probe.match import TraceMatch
from plusone.probe.moments import mean_square
from plusone.probe.operator import Place

Pair: TypeAlias = tuple[ValueRef, ValueRef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearisation:
    """A retained autograd graph over `samples` of the batch.

    `batch` is `samples` where the samples are independent and None where they are coupled (then
    all of them are one vector). `place(value)` gives the position of a value of the *first*
    trace, or None; `is_matched(value)` says whether this forward made that value at all.
    """

    recording: Recording
    samples: int
    batch: int | None
    place: Callable[[ValueRef], Place | None]
    is_matched: Callable[[ValueRef], bool]

    @property
    def anchor(self) -> torch.Tensor | None:
        """The output that was made last (see `JacobianOperator`)."""
        made = [t for t in self.recording.outputs if t.grad_fn is not None]
        return max(made, key=lambda t: t.grad_fn._sequence_nr(), default=None)  # type: ignore[union-attr]


def linearise(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    box: Sandbox,
    trace: Trace,
    statistics: Statistics,
    samples: int,
    probe: Pair,
    beside: Sequence[Pair] = (),
    squares: Sequence[torch.Tensor],
) -> Linearisation:
    """Run the model once more and keep its graph; `probe` = (first, last) tests independence.

    Where the last value does not depend on the first, the pairs `beside` are asked instead.

    `squares` are the mean squares of the first forward's outputs, sample by sample: the second
    forward must repeat them, unless the model draws random numbers.

    Flash attention, which cannot be differentiated twice, is replaced by its plain form.

    Raises:
        CaptureError: the model does not run on a part of the batch nor on all of it.
    """
    freeze_batch_norms(model, statistics)
    _only_activations_take_gradients(model, trace)
    if trace.batch is not None and samples < trace.batch:
        few = (
            _first_samples(args, trace.batch, samples),
            _first_samples(kwargs, trace.batch, samples),
        )
        with contextlib.suppress(CaptureError):
            found = _run(model, *few, box=box, trace=trace, samples=samples)
            if (
                found is not None
                and _is_independent(found, probe, beside)
                and _repeats(found, squares)
            ):
                return found
        box.restore_contents()
        freeze_batch_norms(model, statistics)  # counts the calls of each norm from the start
    whole = _run(model, args, kwargs, box=box, trace=trace, samples=trace.batch or 1)
    if whole is None:
        raise CaptureError("no output depends on an input by way of autograd")
    if not _repeats(whole, squares):
        raise CaptureError(
            "the second forward gave another output than the first: the model is random or keeps "
            "state outside its buffers"
        )
    if whole.batch is not None and not _is_independent(whole, probe, beside, is_whole=True):
        return replace(whole, batch=None)
    return whole


def _run(
    model: nn.Module,
    args: Any,
    kwargs: Any,
    *,
    box: Sandbox,
    trace: Trace,
    samples: int,
) -> Linearisation | None:
    box.restore_random_state()
    with sdpa_kernel(SDPBackend.MATH):
        recording = record(model, args, kwargs, box=box)
    roots = [t for t in recording.outputs if t.requires_grad]
    if not roots:
        return None
    finder = EdgeFinder(recording, roots)
    match = TraceMatch(trace, recording.trace)

    def place(value: ValueRef) -> Place | None:
        twin = match.twin(value)
        edge = finder.edge(twin) if twin is not None else None
        if twin is None or edge is None:
            return None
        metadata = edge.node._input_metadata[edge.output_nr]
        return Place(
            edge=edge,
            shape=tuple(metadata.shape),
            dtype=metadata.dtype,
            device=metadata.device,
        )

    return Linearisation(
        recording=recording,
        samples=samples,
        batch=samples if trace.batch is not None else None,
        place=place,
        is_matched=lambda value: match.twin(value) is not None,
    )


def _first_samples(tree: Any, batch: int, samples: int) -> Any:
    def cut(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            return value  # of a sparse matrix there is no part
        return value[:samples] if value.dim() > 0 and value.shape[0] == batch else value

    return tree_map(cut, tree)


def _only_activations_take_gradients(model: nn.Module, trace: Trace) -> None:
    """No gradients for weights, except for the tables that turn whole numbers into signals."""
    tables = {
        trace.parameters[p]
        for op in trace.ops
        if op.name.startswith("embedding")
        for p in op.params
    }
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter.is_floating_point():
            parameter.requires_grad_(name in tables)


_RANDOM = ("dropout", "bernoulli", "rand", "normal", "uniform", "multinomial")


def _repeats(found: Linearisation, squares: Sequence[torch.Tensor]) -> bool:
    """Whether the outputs have the first forward's size, sample by sample, within 5 %."""
    trace = found.recording.trace
    if any(word in op.name for op in trace.ops for word in _RANDOM if "batch_norm" not in op.name):
        return True
    for output, before in zip(found.recording.outputs, squares, strict=False):
        batch = found.samples if before.numel() > 1 else None
        now = mean_square(output, batch)
        if now.numel() > before.numel() or not torch.allclose(
            now, before[: now.numel()], rtol=0.05, equal_nan=True
        ):
            return False
    return True


def _is_independent(
    found: Linearisation, probe: Pair, beside: Sequence[Pair], *, is_whole: bool = False
) -> bool:
    """Whether a sample of the output depends on the same sample of the input alone.

    Tried from a sample in the middle, which sees coupling to earlier and to later ones: where
    dimension 0 is time, the first step depends on itself alone. Of two samples of a larger batch
    the second is tried; that the first does not depend on later ones is what `_repeats` asks.
    """
    if found.batch is None or found.batch < 2:
        return found.batch is not None
    tried = (0, 1) if is_whole and found.batch == 2 else (found.batch // 2,)
    if any(found.place(value) is None for value in probe):
        return False
    answer = _asked(found, probe, tried)
    if answer is None:
        answers = [_asked(found, pair, tried) for pair in beside]
        return True in answers and False not in answers
    return answer


def _asked(found: Linearisation, pair: Pair, tried: tuple[int, ...]) -> bool | None:
    """Whether the samples are independent between two values; None: these do not tell.

    They do not where neither depends on the other, nor where positions stand along dimension 0,
    unless each sample's are together.
    """
    source, target = (found.place(value) for value in pair)
    batch = found.batch or 1
    if source is None or target is None:
        return None
    if any(not place.shape or place.shape[0] % batch for place in (source, target)):
        return None
    answers = [depends_on_itself_alone(source, target, sample, batch) for sample in tried]
    if None in answers or all(answers):
        return None if None in answers else True
    return False if source.shape[0] == target.shape[0] == batch else None


def depends_on_itself_alone(source: Place, target: Place, sample: int, batch: int) -> bool | None:
    """Whether that sample of the target depends on the same of the source alone; None: on none.

    Each of the `batch` samples has as many rows along dimension 0, one after another. One backward.
    """
    # A random cotangent, for a normalised output passes no constant one.
    rows = target.shape[0] // batch
    shape = (rows, *target.shape[1:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(sample))
    cotangent = torch.zeros(target.shape, dtype=target.dtype, device=target.device)
    cotangent.narrow(0, sample * rows, rows).copy_(noise)
    (gradient,) = torch.autograd.grad(
        (target.edge,), (source.edge,), (cotangent,), retain_graph=True, allow_unused=True
    )
    if gradient is None:
        return None
    gradient = gradient.unflatten(0, (batch, -1))
    return not bool(gradient[:sample].any() or gradient[sample + 1 :].any())
