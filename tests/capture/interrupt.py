"""Scans that are interrupted at a chosen operation."""

from __future__ import annotations

import contextlib
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from plusone.errors import PlusoneError
from plusone.records import ScanConfig
from plusone.scan import scan_subject
from plusone.target import subject_of


class Countdown(TorchDispatchMode):
    """Counts the operations that run below it, and raises `error` at number `at`."""

    def __init__(self, at: int = -1, error: type[BaseException] = RuntimeError) -> None:
        super().__init__()
        self.count = 0
        self._at, self._error = at, error

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.count += 1
        if self.count == self._at:
            raise self._error("planned interruption")
        return func(*args, **(kwargs or {}))


def phases(model: nn.Module, inputs: object, config: ScanConfig) -> dict[str, range]:
    """The numbers of the operations of a whole scan, by its stages."""
    starts: dict[str, int] = {}
    with Countdown() as counter:

        def tell(stage: str, share: float) -> None:
            starts.setdefault(stage, counter.count + 1)

        scan_subject(subject_of(model, inputs), config, tell)
    bounds = [*starts.values(), counter.count + 1]
    found = {stage: range(*bounds[i : i + 2]) for i, stage in enumerate(starts)}
    return {stage: numbers for stage, numbers in found.items() if numbers}


def interrupt(
    model: nn.Module,
    inputs: object,
    config: ScanConfig,
    *,
    at: int,
    error: type[BaseException],
) -> bool:
    """Whether a scan, left by `error` at operation `at`, came that far."""
    with Countdown(at, error) as counter, contextlib.suppress(error, PlusoneError):
        scan_subject(subject_of(model, inputs), config)
    return counter.count >= at
