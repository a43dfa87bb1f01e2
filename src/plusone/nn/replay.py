"""What a second forward pass of a branch must find as the first did, so that it computes the same.

The random state, where the branch used it (dropout); buffers, where it changed them (batch norm's
statistics, spectral norm's vectors); autocast. All else is the caller's: inputs and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch
from torch import Tensor, nn

# Buffers by the dictionary that holds them and their name there.
Buffers = list[tuple[dict[str, Tensor | None], str, Tensor]]


class Replay:
    """The state that `branch` starts from; make it before the first pass and `settle` after it."""

    def __init__(self, branch: nn.Module, device: torch.device) -> None:
        self.device = device
        self.random: Tensor | None = torch.get_rng_state()
        self.device_random = _device_state(device)
        self.buffers = _copies(branch) if branch.training else []
        self.versions = [_version(held[name]) for held, name, _ in self.buffers]
        self.autocast = {
            kind: (torch.get_autocast_dtype(kind), torch.is_autocast_cache_enabled())
            for kind in {"cpu", device.type} - {"meta"}
            if torch.is_autocast_enabled(kind)
        }

    def settle(self) -> Replay:
        """This, without what the first pass left as it was: mostly all of it."""
        if self.random is not None and torch.equal(self.random, torch.get_rng_state()):
            self.random = None
        now = _device_state(self.device)
        if self.device_random is not None and now is not None and now.equal(self.device_random):
            self.device_random = None
        if [_version(held[name]) for held, name, _ in self.buffers] == self.versions:
            self.buffers = []
        return self

    @contextmanager
    def again(self) -> Iterator[None]:
        """The state of the first pass; on leaving, the one before entering."""
        with ExitStack() as stack:
            if self.random is not None or self.device_random is not None:
                devices = [self.device] if self.device_random is not None else []
                stack.enter_context(torch.random.fork_rng(devices, device_type=_kind(self.device)))
                _set_random(self.device, self.random, self.device_random)
            if self.buffers:
                stack.enter_context(_with_buffers(self.buffers))
            for kind in {"cpu", self.device.type} - {"meta"}:
                stack.enter_context(self._autocast(kind))
            yield

    def _autocast(self, kind: str) -> torch.autocast | nullcontext[None]:
        if kind in self.autocast:
            dtype, has_cache = self.autocast[kind]
            return torch.autocast(kind, dtype=dtype, cache_enabled=has_cache)
        if torch.is_autocast_enabled(kind):
            return torch.autocast(kind, enabled=False)
        return nullcontext()


def _kind(device: torch.device) -> str:
    return "cuda" if device.type in ("cpu", "meta") else device.type


def _device_state(device: torch.device) -> Tensor | None:
    if device.type in ("cpu", "meta"):
        return None
    state: Tensor = torch.get_device_module(device).get_rng_state(device)
    return state


def _set_random(device: torch.device, random: Tensor | None, on_device: Tensor | None) -> None:
    if random is not None:
        torch.set_rng_state(random)
    if on_device is not None:
        torch.get_device_module(device).set_rng_state(on_device, device)


def _copies(branch: nn.Module) -> Buffers:
    return [
        (module._buffers, name, buffer.clone())
        for module in branch.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]


def _version(buffer: Tensor | None) -> tuple[int, int]:
    """What changes when a buffer is written to or replaced."""
    return (0, 0) if buffer is None else (id(buffer), buffer._version)


@contextmanager
def _with_buffers(first: Buffers) -> Iterator[None]:
    """The module with the buffers of its first pass; each present one comes back as it was."""
    present = [held[name] for held, name, _ in first]
    for held, name, copy in first:
        held[name] = copy.clone()
    try:
        yield
    finally:
        for (held, name, _), buffer in zip(first, present, strict=True):
            held[name] = buffer
