"""Whether edits that close ways around a latent do that, and nothing else: tried on a copy.

Places are found from the shapes and the order of operations; what a forward does between two
modules (a view, dropout, a checkpoint) can make them the wrong ones. So the edited copy is compared
with the model in which the joins themselves are made without what comes around.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.eager import record
from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import sandbox
from plusone.capture.trace import Trace, ValueRef
from plusone.errors import PlusoneError
from plusone.fix.edits import Edit
from plusone.fix.surgery import edited
from plusone.graph.opkinds import base_name
from plusone.target.subject import Subject

# A sum less one of its terms is the other but for rounding, which the layers behind may enlarge.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A value that enters the decoder around the latent at `join`, and the edits that close it."""

    value: ValueRef
    join: ValueRef
    edits: tuple[Edit, ...]


def are_closed(subject: Subject, trace: Trace, ways: Sequence[Way], *, seed: int = 0) -> bool:
    """Whether the edits of all ways make of the model what it is with these joins made without
    the ways, and still let a gradient through. Cost: two forwards and one backward.

    False where the edited copy does not run, or the model is random beyond torch's random state.
    """
    edits = [edit for way in ways for edit in way.edits]
    try:
        wanted = _run(subject, subject.model, _Without(trace, ways), seed=seed)
        made = edited(subject.model, edits, seed=seed)
        found = _run(subject, made, None, seed=seed)
    except (PlusoneError, RuntimeError, TypeError, ValueError):
        return False
    return len(wanted) == len(found) and all(map(_is_near, wanted, found))


def _run(
    subject: Subject, model: nn.Module, observer: _Without | None, *, seed: int
) -> list[torch.Tensor]:
    with sandbox(model) as box, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        recording = record(model, subject.args, subject.kwargs, box=box, observe=observer)
        outputs = [t for t in tensors_in(recording.result) if t.is_floating_point()]
        learning = [t.double().sum() for t in outputs if t.requires_grad]
        if observer is None and learning:
            parameters = [p for p in model.parameters() if p.requires_grad]
            torch.autograd.grad(learning, parameters, allow_unused=True)
        return [t.detach().clone() for t in outputs]


def _is_near(wanted: torch.Tensor, found: torch.Tensor) -> bool:
    if wanted.shape != found.shape or not bool(torch.isfinite(wanted).all()):
        return False
    size = float(wanted.double().abs().max()) if wanted.numel() else 0.0
    return bool(((wanted - found).double().abs() <= _TOLERANCE * size).all())


class _Without:
    """Takes from each join, as it is made, what comes around: zeros in its place."""

    def __init__(self, trace: Trace, ways: Iterable[Way]) -> None:
        self._trace = trace
        self._value = {way.join: way.value for way in ways}
        self.reset()

    def reset(self) -> None:
        self._read: dict[ValueRef, torch.Tensor] = {}

    def before(
        self, name: str, values: Sequence[ValueRef], operands: Sequence[torch.Tensor]
    ) -> None:
        for value, operand in zip(values, operands, strict=True):
            if value in self._value.values():
                self._read[value] = operand.clone()

    def writing(self, tensors: Sequence[torch.Tensor]) -> None:
        pass

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        value = self._value.get((number, 0))
        if value is None:
            return
        op = self._trace.ops[number]
        if base_name(name) == "cat":
            sizes = [self._trace.ops[p].shapes[max(out, 0)][op.axis] for p, out in op.parents]
            at = op.parents.index(value)
            outputs[0].narrow(op.axis, sum(sizes[:at]), sizes[at]).zero_()
        else:
            outputs[0].sub_(self._read[value])
