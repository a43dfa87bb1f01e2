"""A second forward, made for Jacobians: few samples, no weight gradients, samples independent."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
from plusone.probe.moments import mean_square
from plusone.probe.operator import Place

_Key = tuple[str, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearisation:
    """A retained autograd graph over `samples` of the batch.

    `batch` is `samples` where the samples are independent and None where they are coupled (then
    all of them are one vector). `place(value)` gives the position of a value of the *first*
    trace, or None.
    """

    recording: Recording
    samples: int
    batch: int | None
    place: Callable[[ValueRef], Place | None]


def linearise(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    box: Sandbox,
    trace: Trace,
    statistics: Statistics,
    samples: int,
    probe: tuple[ValueRef, ValueRef],
    squares: Sequence[torch.Tensor],
) -> Linearisation:
    """Run the model once more and keep its graph; `probe` = (first, last) tests independence.

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
            if found is not None and _is_independent(found, probe) and _repeats(found, squares):
                return found
        box.restore_contents()
        _restart(model, statistics)
    whole = _run(model, args, kwargs, box=box, trace=trace, samples=trace.batch or 1)
    if whole is None or not _repeats(whole, squares):
        raise CaptureError(
            "the second forward gave another output than the first: the model is random or keeps "
            "state outside its buffers"
        )
    if whole.batch is not None and not _is_independent(whole, probe):
        return Linearisation(
            recording=whole.recording, samples=whole.samples, batch=None, place=whole.place
        )
    return whole


def _restart(model: nn.Module, statistics: Statistics) -> None:
    freeze_batch_norms(model, statistics)


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
    match = _Match(trace, recording.trace)

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
    )


class _Match:
    """Finds a value of one trace in another: same module call, same operation, same turn.

    Where a module call runs that operation another number of times (attention in its plain
    form), the turn is counted from the end. The result of a frozen batch norm is the last
    operation of its call.
    """

    def __init__(self, first: Trace, second: Trace) -> None:
        self._first, self._second = first, second
        self._turns_first = _turns(first)
        self._turns_second = _turns(second)
        self._last_in_call: dict[tuple[str, int], int] = {}
        for number, op in enumerate(second.ops):
            call = second.calls[op.call]
            if any(op.is_float):
                self._last_in_call[call.path, call.turn] = number

    def twin(self, value: ValueRef) -> ValueRef | None:
        number, out = value
        op = self._first.ops[number]
        if number in self._first.inputs:
            turn = self._first.inputs.index(number)
            inputs = self._second.inputs
            return (inputs[turn] + 0, out) if turn < len(inputs) else None
        key = _key(self._first, number)
        mine, theirs = self._turns_first[key], self._turns_second.get(key, [])
        position = mine.index(number)
        if len(mine) == len(theirs):
            found: int | None = theirs[position]
        elif len(mine) - position <= len(theirs):
            found = theirs[position - len(mine)]
        else:
            found = self._last_in_call.get((key[0], key[1])) if "batch_norm" in op.name else None
        if found is None or not _same_form(op.shapes, self._second.ops[found].shapes, out):
            return None
        return found, out


def _key(trace: Trace, number: int) -> _Key:
    op = trace.ops[number]
    call = trace.calls[op.call]
    return call.path, call.turn, op.name


def _turns(trace: Trace) -> dict[_Key, list[int]]:
    turns: dict[_Key, list[int]] = defaultdict(list)
    for number in range(len(trace.ops)):
        turns[_key(trace, number)].append(number)
    return dict(turns)


def _same_form(
    first: tuple[tuple[int, ...], ...], second: tuple[tuple[int, ...], ...], out: int
) -> bool:
    if out < 0 or out >= len(first) or out >= len(second):
        return False
    return len(first[out]) == len(second[out]) and first[out][1:] == second[out][1:]


def _first_samples(tree: Any, batch: int, samples: int) -> Any:
    def cut(value: Any) -> Any:
        is_batch = isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape[0] == batch
        return value[:samples] if is_batch else value

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


def _is_independent(found: Linearisation, probe: tuple[ValueRef, ValueRef]) -> bool:
    """Whether the first sample of the output depends on the first sample of the input alone."""
    source, target = found.place(probe[0]), found.place(probe[1])
    if found.batch is None or found.batch < 2:
        return found.batch is not None
    if source is None or target is None:
        return False
    if source.shape[0] != found.batch or target.shape[0] != found.batch:
        return False
    cotangent = torch.zeros(target.shape, dtype=target.dtype, device=target.device)
    cotangent[0] = 1.0
    (gradient,) = torch.autograd.grad(
        (target.edge,), (source.edge,), (cotangent,), retain_graph=True, allow_unused=True
    )
    return gradient is not None and not bool(gradient[1:].any())
