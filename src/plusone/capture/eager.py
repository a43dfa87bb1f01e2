"""Run a model once and record it: inputs made ready for gradients, outputs found, errors named."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from plusone.capture.nested import tensors_in
from plusone.capture.ready import ready_inputs
from plusone.capture.recorder import Observer, Recorder
from plusone.capture.sandbox import Sandbox
from plusone.capture.trace import Trace
from plusone.errors import CaptureError
from plusone.target.blame import last_line
from plusone.target.scalar_loss import own_loss

# The entry of a dictionary-like output that the others are by-products of.
_PRIMARY = ("logits", "last_hidden_state", "sample", "out", "prediction_logits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A trace with what is alive of its run: the outputs, and the leaves that take gradients.

    `outputs` are in the order of `trace.outputs`; `input_edges` are the places in autograd's graph
    of the inputs that take gradients, by operation; `loss` is the scalar that the model computed by
    itself, if it did; `result` is what the model returned. `is_walked` says that the operations
    were read off autograd's graph, because the model does not run under a dispatch mode.
    """

    trace: Trace
    outputs: tuple[torch.Tensor, ...]
    leaves: tuple[torch.Tensor, ...]
    input_edges: dict[int, GradientEdge]
    loss: torch.Tensor | None
    result: object
    is_walked: bool = False


def record(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    box: Sandbox | None = None,
    observe: Observer | None = None,
) -> Recording:
    """The recording of one forward of `model`, which the caller keeps in a sandbox.

    Floating-point inputs are replaced by copies that require grad; a model that refuses such
    inputs (it calls `.numpy()`, say) is run with plain copies instead. A model that runs, but not
    under a dispatch mode, is read off autograd's graph.

    Raises:
        CaptureError: the forward raised; the message names the module and the exception.
    """
    try:
        return _record(model, args, kwargs, box, observe, wants_grad=True)
    except _ForwardFailed as failed:
        first = failed
    if "requires grad" in str(first.cause) or "requires_grad" in str(first.cause):
        _start_again(box)
        with contextlib.suppress(_ForwardFailed):
            return _record(model, args, kwargs, box, observe, wants_grad=False)
    from plusone.capture.autograd_walk import walk

    _start_again(box)
    if observe is not None:
        observe.reset()
    try:
        return walk(model, args, kwargs, box=box)
    except Exception:  # the plain forward fails, too: the first failure tells why
        raise first.as_error() from first.cause


def _start_again(box: Sandbox | None) -> None:
    if box is not None:
        box.restore_contents()
        box.restore_random_state()


class _ForwardFailed(Exception):
    def __init__(self, cause: Exception, recorder: _WatchedRecorder) -> None:
        self.cause = cause
        self.where = recorder.place_of(cause)

    def as_error(self) -> CaptureError:
        what = " ".join(str(self.cause).split()).rstrip(".!")
        what = what if len(what) <= 300 else what[:299] + "…"
        place = f"in module {self.where}" if self.where else "in the model's own forward"
        return CaptureError(
            f"the forward raised {type(self.cause).__name__} {place}{last_line(self.cause)}: "
            f"{what or 'no message'}. Check that the inputs fit the model."
        )


class _WatchedRecorder(Recorder):
    """A recorder that remembers the deepest module that an exception left."""

    _failed: tuple[int, str] | None = None

    def place_of(self, cause: BaseException) -> str:
        """The deepest module that `cause` left, or "" where it was none but the model itself."""
        number, place = self._failed or (0, "")
        return place if number == id(cause) else ""

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        error = sys.exc_info()[1]
        if error is None:
            self._failed = None  # whatever was raised before has been caught
        elif self._failed is None or self._failed[0] != id(error):
            call = self.calls[self._stack[-1]]
            self._failed = (id(error), f"'{call.path}' ({call.cls})" if call.path else "")
        super()._leave(module, args, output)


def _record(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    box: Sandbox | None,
    observe: Observer | None,
    *,
    wants_grad: bool,
) -> Recording:
    before_write = box.before_write if box is not None else None
    recorder = _WatchedRecorder(model, before_write=before_write, observe=observe)
    if observe is not None:
        observe.reset()
    args, kwargs, sources, leaves = ready_inputs(args, kwargs, wants_grad=wants_grad)
    inputs = tuple(recorder.add_input(t) for t in sources)
    edges = {
        number: get_gradient_edge(t)
        for number, t in zip(inputs, sources, strict=True)
        if t.requires_grad
    }
    try:
        with recorder.owners(), recorder:
            result = model(*args, **kwargs)
    except Exception as cause:
        raise _ForwardFailed(cause, recorder) from cause
    tensors, loss = _outputs(result)
    outputs = [(recorder.value_of(t), t) for t in tensors]
    known = [(value, t) for value, t in outputs if value is not None]
    trace = Trace(
        ops=tuple(recorder.ops),
        calls=tuple(recorder.calls),
        parameters=tuple(recorder.parameters),
        inputs=inputs,
        outputs=tuple(value for value, _ in known),
        batch=_batch_of(sources),
        num_parameters=recorder.num_parameters,
        num_guessed=recorder.num_guessed,
    )
    kept = tuple(t for _, t in known)
    return Recording(
        trace=trace,
        outputs=kept,
        leaves=tuple(leaves),
        input_edges=edges,
        loss=loss,
        result=result,
    )


def batch_size(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """The size of the leading dimension that all input tensors share, or None.

    A single vector of real numbers is one sample, and no batch of numbers; whole numbers may be
    one label for each sample.
    """
    return _batch_of(tensors_in((args, kwargs)))


def _batch_of(inputs: list[torch.Tensor]) -> int | None:
    if all(t.dim() == 1 and (t.is_floating_point() or t.is_complex()) for t in inputs):
        return None
    sizes = {t.shape[0] if t.dim() else None for t in inputs}
    return sizes.pop() if len(sizes) == 1 else None


def _outputs(result: object) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """The floating-point tensors to judge, and the loss if the model returned one by name."""
    chosen: object = result
    if isinstance(result, Mapping):
        named = [result[k] for k in _PRIMARY if isinstance(result.get(k), torch.Tensor)]
        chosen = named[:1] if named else {k: v for k, v in result.items() if k != "loss"}
    tensors = [t for t in tensors_in(chosen) if t.is_floating_point() or t.is_complex()]
    return tensors, own_loss(result)
