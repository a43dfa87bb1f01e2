"""What one node of autograd's graph tells of its operation: name, shapes, factors, writes."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import torch
from torch.autograd.graph import Node


def sequence_of(node: Node) -> int:
    """The number that autograd gave the node."""
    return int(node._sequence_nr())


def outputs_of(node: Node) -> tuple[tuple[tuple[int, ...], ...], tuple[bool, ...]]:
    """Shapes of the results, and which are real or complex numbers."""
    outputs = node._input_metadata
    shapes = tuple(tuple(int(n) for n in m.shape) for m in outputs)
    return shapes, tuple(m.dtype.is_floating_point or m.dtype.is_complex for m in outputs)


WRITE = "CopySlices"
_OWN_NAMES = {"CopyBackwards": "copy"}


def name_of(node: Node) -> str:
    """The name of the operation: AddmmBackward0 is addmm; a user's function keeps its own."""
    name = node.name().rpartition("::")[2]
    found = re.fullmatch(r"(\w+?)Backward\d\w*", name)
    if found is None:
        return _OWN_NAMES.get(name, name)
    return _aten_names().get(found[1], found[1])


def write_of(node: Node, view: tuple[int, ...] | None) -> tuple[str, tuple[int, ...] | None]:
    """What was written through a view, and the view's shape where it shows all of its base.

    The node is asked for the gradient of a known cotangent. A sum passes it on to the base, a
    factor passes on a multiple of it. `view` is what is known of the shape.
    """
    operands = [below is not None for below, _ in node.next_functions]
    if not operands[0] or sum(operands) > 2:
        return "copy_", None
    output: Any = node._input_metadata[0]
    count = torch.arange(1, 1 + math.prod(output.shape), device=output.device)
    cotangent = count.to(output.dtype).reshape(output.shape)
    with contextlib.suppress(RuntimeError), torch.no_grad():
        # Raised on the meta device, and where memory was written over since.
        base, *others = [g for g in _gradients(node, cotangent) if g is not None]
        if not others:
            factor = base.reshape(-1)[0]
            is_factor = bool(factor) and torch.equal(base, factor * cotangent)
            return ("mul_", view or tuple(output.shape)) if is_factor else ("write_", view)
        if torch.equal(base, cotangent):
            is_all = others[0].numel() == cotangent.numel()
            name = "add_" if float(others[0].real.sum()) > 0 else "sub_"
            return name, tuple(others[0].shape) if is_all else None
    return "copy_", None


def _gradients(node: Any, cotangent: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    found = node(cotangent)
    return found if isinstance(found, tuple) else (found,)


def views_of_all(nodes: Iterable[Node]) -> dict[Node, tuple[int, ...]]:
    """The writes that are read next through a view of all of their base, with its shape."""
    found: dict[Node, tuple[int, ...]] = {}
    for node in nodes:
        if name_of(node) != "as_strided":
            continue
        ((shape,), _), below = outputs_of(node), node.next_functions[0][0]
        while below is not None and name_of(below) == WRITE:
            ((base,), _) = outputs_of(below)
            if math.prod(shape) == math.prod(base):
                found.setdefault(below, shape)
            below = below.next_functions[0][0]
    return found


@cache
def _aten_names() -> dict[str, str]:
    """The operation that each camel-case name stands for, of those that autograd records."""
    names: dict[str, str] = {}
    for full in sorted(torch._C._dispatch_get_all_op_names(), reverse=True):
        space, _, overloaded = full.partition("::")
        name, _, overload = overloaded.partition(".")
        is_plain = space == "aten" and not name.endswith("_") and not overload.endswith("out")
        # What decomposes above autograd has no node; its twin with an underscore has.
        if is_plain and not _decomposes(full):
            camel = "".join(part.title() for part in name.split("_"))
            if not (camel in names and name.startswith("_")):
                names[camel] = name
    return names


def _decomposes(name: str) -> bool:
    key = "CompositeImplicitAutograd"
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, key))


def factors_of(node: Node, name: str, is_read: Sequence[bool]) -> tuple[float, ...]:
    """What a sum multiplies its operands by; empty where that is 1."""
    factors = [1.0] * len(is_read)
    if name in ("add", "sub") and len(factors) > 1:
        factors[1] = _saved_number(node, "alpha") * (-1.0 if name == "sub" else 1.0)
    elif name in ("addmm", "baddbmm", "addbmm", "addmv", "addr"):
        factors[0] = _saved_number(node, "beta")
    elif name == "lerp" and not isinstance(getattr(node, "_saved_weight", None), torch.Tensor):
        factors[1] = _saved_number(node, "weight")
        factors[0] = 1.0 - factors[1]
    kept = tuple(f for f, read in zip(factors, is_read, strict=True) if read)
    return kept if any(f != 1.0 for f in kept) else ()


def _saved_number(node: Node, name: str) -> float:
    value = getattr(node, f"_saved_{name}", 1)
    return float(value) if isinstance(value, int | float) else 1.0


def axis_of(node: Node, num_dims: int) -> int:
    """The dimension along which a concatenation joins."""
    axis = int(getattr(node, "_saved_dim", 0))
    return (axis - (1 << 64) if axis >= 1 << 63 else axis) % max(num_dims, 1)
