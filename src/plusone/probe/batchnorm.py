"""Freeze batch normalisation at the statistics of the full batch, so that samples are independent.

In training mode batch norm couples the samples of a batch; a per-sample Jacobian exists only with
the statistics held fixed. Each call becomes the affine map that it was in the recorded forward,
which gives the same outputs and is cheaper to differentiate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusone.capture.trace import Trace
from plusone.target.members import modules_of

Statistics = dict[tuple[str, int], tuple[torch.Tensor, torch.Tensor]]

_NAMES = frozenset(
    ["native_batch_norm", "_native_batch_norm_legit", "_batch_norm_with_update", "cudnn_batch_norm"]
)


class StatisticsObserver:
    """Keeps mean and inverse deviation of each batch norm call in training mode."""

    def __init__(self) -> None:
        self._of_operation: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def after(self, number: int, name: str, outputs: Sequence[torch.Tensor]) -> None:
        """Called with the outputs of each operation."""
        if name in _NAMES and len(outputs) >= 3 and outputs[1].numel():
            self._of_operation[number] = (outputs[1].clone(), outputs[2].clone())

    def by_call(self, trace: Trace) -> Statistics:
        """The statistics by module path and running number of the call."""
        found: Statistics = {}
        for number, pair in self._of_operation.items():
            call = trace.calls[trace.ops[number].call]
            found[call.path, call.turn] = pair
        return found


def use_batch_where_fresh(model: nn.Module) -> int:
    """Let batch norms in evaluation mode that never saw a batch use this one's; returns how many.

    A mean of 0 and a variance of 1 are placeholders: with them the net has no normalisation at
    all, and signal and gradient drift as they never do in training, nor after it.
    """
    fresh = [m for _, m in modules_of(model) if isinstance(m, _BatchNorm) and _is_fresh(m)]
    for module in fresh:
        module.training = True
    return len(fresh)


def _is_fresh(module: _BatchNorm) -> bool:
    mean, var, seen = module.running_mean, module.running_var, module.num_batches_tracked
    if module.training or mean is None or var is None or isinstance(module, nn.SyncBatchNorm):
        return False
    if mean.is_meta or (seen is not None and int(seen) > 0):
        return False
    return not bool(mean.any()) and bool((var == 1).all())


def freeze_batch_norms(model: nn.Module, statistics: Statistics) -> None:
    """Fix every batch norm at `statistics` (or at its running ones, in evaluation mode).

    A plain batch norm's forward becomes its affine map. A subclass with a forward of its own
    (with an activation inside, say) is set to evaluation mode with the batch's statistics as its
    running ones. The caller's sandbox puts everything back.
    """
    for path, module in modules_of(model):
        if not isinstance(module, _BatchNorm):
            continue
        uses_batch = module.training or module.running_mean is None
        if uses_batch and (path, 0) not in statistics:
            continue
        if type(module).forward is _BatchNorm.forward:
            frozen = _affine(module, path, statistics if uses_batch else None)
            module.forward = frozen  # type: ignore[method-assign, assignment]
        elif uses_batch and (path, 1) not in statistics:
            _use_as_running(module, statistics[path, 0])


def _use_as_running(module: _BatchNorm, pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    mean, inverse = pair
    module._buffers["running_mean"] = mean.clone()
    module._buffers["running_var"] = inverse.pow(-2) - module.eps
    module.track_running_stats = True
    module.training = False


def _affine(
    module: _BatchNorm, path: str, statistics: Statistics | None
) -> Callable[[torch.Tensor], torch.Tensor]:
    calls = 0

    def forward(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        if statistics is None:
            assert module.running_mean is not None
            assert module.running_var is not None
            mean, inverse = module.running_mean, (module.running_var + module.eps).rsqrt()
        else:
            mean, inverse = statistics[path, calls]
            calls += 1
        scale = inverse if module.weight is None else inverse * module.weight.detach()
        shift = -mean * scale
        if module.bias is not None:
            shift = shift + module.bias.detach()
        shape = (1, -1, *([1] * (x.dim() - 2)))
        return torch.addcmul(shift.view(shape).to(x.dtype), x, scale.view(shape).to(x.dtype))

    return forward
