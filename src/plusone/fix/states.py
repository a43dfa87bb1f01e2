"""Attention for an encoder and a decoder of which the one hands the other its last state alone.

Bahdanau et al. 2015 (arXiv 1409.0473): one vector for a whole sequence is the bottleneck.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from plusone.capture.nested import tensors_in
from plusone.capture.sandbox import sandbox
from plusone.fix.edits.edit import Edit
from plusone.fix.edits.memory import Recall, Remember
from plusone.fix.sites import Survey
from plusone.target.members import modules_of
from plusone.target.subject import Subject

# A state has room for a few steps.
_LONG = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The first call of a recurrent module: shapes, and the graph nodes of what came and left."""

    path: str
    module: nn.Module
    shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    given: frozenset[object]
    states: frozenset[object]
    made: frozenset[object]


def recalled_states(subject: Subject, survey: Survey) -> tuple[Edit, ...]:
    """Attention from a decoder to its encoder's outputs; empty where there is no such pair.

    Also where a scan does not find S106 yet: two states of an LSTM hold sixteen steps by the size,
    and the attention starts at zero.
    """
    if any("softmax" in op.name and "log" not in op.name for op in survey.trace.ops):
        return ()
    if any("attention" in op.name for op in survey.trace.ops):
        return ()
    runs = _runs(subject)
    for k, decoder in enumerate(runs):
        for encoder in reversed(runs[:k]):
            if _hands_on(encoder, decoder) and survey.calls.get(encoder.path) == 1:
                return _edits(encoder, decoder)
    return ()


def _hands_on(encoder: _Run, decoder: _Run) -> bool:
    is_long = isinstance(encoder.module, nn.RNNBase) and len(encoder.shape) == 3
    if not is_long or encoder.shape[1 if encoder.module.batch_first else 0] < _LONG:
        return False
    return bool(encoder.made & decoder.states) and not encoder.made & decoder.given


def _edits(encoder: _Run, decoder: _Run) -> tuple[Edit, ...]:
    return (
        Remember(path=encoder.path, line=200, batch_first=bool(encoder.module.batch_first)),
        Recall(
            path=decoder.path,
            line=200,
            source=encoder.path,
            num_inputs=encoder.output_shape[-1],
            num_outputs=decoder.output_shape[-1],
            batch_first=bool(getattr(decoder.module, "batch_first", True)),
        ),
    )


def _runs(subject: Subject) -> list[_Run]:
    """The first calls of the recurrent modules, in order."""
    paths = {module: path for path, module in modules_of(subject.model)}
    runs: dict[str, _Run] = {}

    def note(
        module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object], output: object
    ) -> None:
        if paths[module] in runs or not args or not isinstance(args[0], torch.Tensor):
            return
        first = next(iter(tensors_in(output)))
        runs[paths[module]] = _Run(
            path=paths[module],
            module=module,
            shape=tuple(args[0].shape),
            output_shape=tuple(first.shape),
            given=_behind(tensors_in(args[0])),
            states=_behind(tensors_in((args[1:], kwargs))),
            made=frozenset(t.grad_fn for t in tensors_in(output) if t.grad_fn is not None),
        )

    with sandbox(subject.model):
        for module in subject.model.modules():
            if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
                module.register_forward_hook(note, with_kwargs=True)
        subject.model(*subject.args, **subject.kwargs)
    return list(runs.values())


def _behind(tensors: list[torch.Tensor]) -> frozenset[object]:
    """All nodes of autograd's graph that the tensors were made by."""
    seen: set[object] = set()
    waiting: list[object] = [t.grad_fn for t in tensors if t.grad_fn is not None]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            following = getattr(node, "next_functions", ())
            waiting.extend(f for f, _ in following if f is not None)
    return frozenset(seen)
