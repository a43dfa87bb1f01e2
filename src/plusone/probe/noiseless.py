"""Two quantities of the verdict with the noise of a latent at zero.

What a variational autoencoder's latent adds in noise at the start hides how its samples lie to each
other, and training takes it away where it is in the way. So geometry and directions are those of
the means: on 60 random autoencoders (`benchmarks.trainability.autoencoders`) the verdict names
what trains better so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from plusone.capture.eager import record
from plusone.capture.sandbox import Sandbox
from plusone.errors import PlusoneError
from plusone.probe.backward import Backward
from plusone.probe.collapse import (
    collapse_between,
    collapse_place,
    collapse_roots,
    input_alignment,
)
from plusone.probe.edges import EdgeFinder
from plusone.probe.profile import Profile
from plusone.probe.signal import SignalObserver
from plusone.records import Value
from plusone.target.subject import Subject

_NORMAL = frozenset(
    [torch.ops.aten.normal, torch.ops.aten.normal_, torch.ops.aten.normal_functional]
)
_STANDARD = frozenset([torch.ops.aten.randn, torch.ops.aten.randn_like])


class Means(TorchDispatchMode):
    """Gives the mean in place of each draw from a normal distribution."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        drawn = func(*args, **kwargs)
        kind = func.overloadpacket
        if kind in _STANDARD:
            drawn.zero_()
        elif kind in _NORMAL:
            # A method of a tensor has it in front; the mean is 0 where it is not said.
            rest = args[1:] if kind is not torch.ops.aten.normal else args
            mean = rest[0] if rest else kwargs.get("mean", 0.0)
            drawn.copy_(torch.as_tensor(mean, dtype=drawn.dtype, device=drawn.device))
        return drawn


def without_noise(
    subject: Subject, profile: Profile, *, box: Sandbox, seed: int
) -> tuple[Value, Value] | None:
    """The collapse of the gradient and the alignment of the samples, by another forward.

    None where that ran other operations than the profile's, or allows no backward. Cost: one
    forward and `NUM_COTANGENTS` backwards.
    """
    graph = profile.graph
    box.restore_contents()
    torch.manual_seed(seed)
    observer = SignalObserver(profile.trace.batch)
    try:
        with Means():
            recording = record(
                subject.model, subject.args, subject.kwargs, box=box, observe=observer
            )
        if [op.name for op in recording.trace.ops] != [op.name for op in profile.trace.ops]:
            return None
        inputs = (subject.args, subject.kwargs)
        aligned = input_alignment(recording, observer, inputs, graph.first)
        backward = Backward(
            recording, subject.model, targets=subject.targets, loss_fn=subject.loss_fn
        )
        finder = EdgeFinder(recording, backward.roots)
        collapse = collapse_between(
            collapse_roots(recording, finder, backward.outputs),
            collapse_place(finder, graph),
            batch=recording.trace.batch,
            known=None,
            generator=torch.Generator().manual_seed(seed),
        )
    except (PlusoneError, RuntimeError):
        return None
    finally:
        box.restore_contents()
        box.restore_random_state()
    return collapse, aligned
