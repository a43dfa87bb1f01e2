"""What a model and the process look like, bit by bit: the slow twin of the sandbox.

It shares no code with `plusone.capture.sandbox`: it walks everything, reads every tensor, and
gives one line for each thing that could change.
"""

from __future__ import annotations

import gc
import random
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as module_hooks
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

Lines = dict[str, object]


def fingerprint(model: nn.Module) -> Lines:
    """One line for each attribute, element, tensor and setting: what it is and holds."""
    return dict([*_surroundings(), *_walk("model", model, {})])


def differences(before: Lines, after: Lines) -> list[str]:
    """The lines that are not the same."""
    return [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in [*before, *(key for key in after if key not in before)]
        if key not in before or key not in after or before[key] != after[key]
    ]


def _walk(name: str, value: Any, seen: dict[int, str]) -> Iterator[tuple[str, object]]:
    cls = type(value)
    if cls in (int, float, bool, str, complex, bytes, type(None)):
        yield name, (cls.__name__, repr(value))
        return
    yield name, (cls.__name__, id(value))
    if id(value) in seen:
        return
    seen[id(value)] = name
    parts: list[tuple[str, Any]] = []
    if isinstance(value, torch.Tensor):
        yield from _tensor(name, value)
        parts = [(".__dict__", value.__dict__), ("._backward_hooks", value._backward_hooks)]
        parts += [("._post_accumulate_grad_hooks", value._post_accumulate_grad_hooks)]
        parts += [(".grad", value.grad)] if value.is_leaf else []
    elif isinstance(value, torch.Generator):
        yield f"{name} state", _digest(value.get_state())
    elif isinstance(value, random.Random):
        yield f"{name} state", hash(value.getstate())
    elif isinstance(value, np.random.Generator):
        yield f"{name} state", repr(value.bit_generator.state)
    elif isinstance(value, np.ndarray):
        yield f"{name} content", (value.shape, str(value.dtype), value.tobytes())
    elif isinstance(value, dict):
        parts = [(f"[{key!r}]", entry) for key, entry in value.items()]
        yield f"{name} keys", tuple(map(repr, value))
    elif isinstance(value, list | tuple) or cls.__name__ == "deque":
        parts = [(f"[{i}]", entry) for i, entry in enumerate(value)]
        yield f"{name} length", len(value)
    elif isinstance(value, set | frozenset):
        yield f"{name} elements", sorted(map(repr, value))
    elif _is_users(value):
        parts = [(".__dict__", getattr(value, "__dict__", None))]
        parts += [(f".{slot}", getattr(value, slot, "unset")) for slot in _slots(cls)]
        if isinstance(value, torch.jit.ScriptModule):
            parts += [(".training", value.training), *value.named_parameters(recurse=False)]
            parts += [*value.named_buffers(recurse=False), *value.named_children()]
    for part, entry in parts:
        yield from _walk(name + part, entry, seen)


def _tensor(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, object]]:
    yield f"{name} form", (tuple(tensor.shape), tensor.dtype, str(tensor.device), tensor.layout)
    yield f"{name} flags", (tensor.requires_grad, tensor.is_leaf, str(type(tensor.grad_fn)))
    yield f"{name} version", tensor._version
    if tensor.layout is torch.strided:
        yield f"{name} place", (tensor.data_ptr(), tensor.stride(), tensor.storage_offset())
        yield f"{name} content", _digest(tensor)
    else:
        parts = (tensor._indices(), tensor._values())
        yield f"{name} content", (tensor.is_coalesced(), *map(_digest, parts))


def _digest(tensor: torch.Tensor) -> object:
    if tensor.is_meta or not tensor.numel():
        return "none"
    flat = tensor.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8)
    return zlib.crc32(memoryview(flat.numpy()))  # 7 GB/s, five times faster than a hash


def _is_users(value: object) -> bool:
    if isinstance(value, nn.Module):
        return True
    standard = ("builtins", "functools", "weakref", "logging", "threading", "enum", "abc")
    module = type(value).__module__.partition(".")[0]
    return module not in standard and not isinstance(value, type)


def _slots(cls: type) -> list[str]:
    found: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        found += [slots] if isinstance(slots, str) else [*slots]
    return [slot for slot in found if slot not in ("__dict__", "__weakref__")]


def _surroundings() -> Iterator[tuple[str, object]]:
    yield "random state of torch", _digest(torch.get_rng_state())
    yield "random state of NumPy", repr(np.random.get_state())
    yield "random state of Python", hash(random.getstate())
    for device in (torch.cuda, torch.xpu):
        yield f"seeds that wait in {device.__name__}", repr(vars(device._lazy_seed_tracker))
        yield f"calls that wait in {device.__name__}", len(device._queued_calls)
    yield "garbage collector", gc.isenabled()
    yield "grad mode", torch.is_grad_enabled()
    yield "inference mode", torch.is_inference_mode_enabled()
    yield "default dtype", torch.get_default_dtype()
    for kind in ("cpu", "cuda"):
        yield (
            f"autocast of {kind}",
            (
                torch.is_autocast_enabled(kind),
                torch.get_autocast_dtype(kind),
                torch.is_autocast_cache_enabled(),
            ),
        )
    yield "fast path of attention", torch.backends.mha.get_fastpath_enabled()
    backends = torch.backends.cuda
    yield (
        "backends of attention",
        (
            backends.flash_sdp_enabled(),
            backends.mem_efficient_sdp_enabled(),
            backends.math_sdp_enabled(),
            backends.cudnn_sdp_enabled(),
        ),
    )
    yield "dispatch modes", tuple(map(id, _get_current_dispatch_mode_stack()))
    yield "function modes", tuple(map(id, _get_current_function_mode_stack()))
    for name, hooks in vars(module_hooks).items():
        if name.startswith("_global"):
            yield f"hooks {name}", repr(hooks)
