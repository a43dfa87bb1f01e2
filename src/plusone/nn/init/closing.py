"""Which parameters, at zero, make a branch give zero, and which weights are a branch's last.

From a recorded forward it is read off the operations; without one, off the layers as registered,
each of a single dimension tried out on a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn

from plusone.capture.trace import Op, Trace, ValueRef
from plusone.graph.opkinds import ADD, ADD_GATED, ADD_PRODUCT, CONCAT, MIXING, NORM, base_name
from plusone.nn.init.layers import Layer

# What a sum of parts at zero gives is zero; a product is, if one of its factors is.
_SUMS = (ADD - ADD_GATED) | CONCAT
_PRODUCTS = frozenset(["mul", "bmm", "matmul", "mm"])
# Not zero at zero, whatever comes before.
OPEN = frozenset(
    [
        *("sigmoid", "hardsigmoid", "exp", "cos", "softplus", "_softmax", "_log_softmax"),
        *("reciprocal", "rsqrt", "pow", "div", "log_sigmoid_forward", "addcmul", "addcdiv"),
    ]
)
# Flat at zero: what comes before would get no gradient and stay zero for good.
FLAT = frozenset(["relu", "threshold", "hardtanh", "clamp", "clamp_min", "abs", "square"])
# Axes before and behind the channels on which a layer of vectors is tried out.
_AXES = (((4,), ()), ((4, 3), ()), ((4,), (3,)), ((4,), (3, 3)), ((4,), (3, 3, 3)))
Closing = frozenset[int]


def multiplies(op: Op) -> bool:
    """Whether the operation is zero once its parameters are: a linear map, a norm, a scale."""
    return weighs(op) or base_name(op.name) in NORM | {"mul"}


def weighs(op: Op) -> bool:
    """Whether the operation is a linear map by its parameters."""
    return base_name(op.name) in MIXING | ADD_PRODUCT | {"_grouped_mm"}


def closing_parameters(
    trace: Trace,
    computed: dict[int, Closing],
    inside: Sequence[int],
    values: Sequence[int],
    ends: Callable[[Op], bool],
    *,
    barriers: frozenset[str] = OPEN | FLAT,
) -> Closing | None:
    """Positions of the parameters that, all at zero, make all of `values` zero; None: none do.

    `computed` are the operations on parameters alone (`computed_from_parameters`) and `inside` the
    branch's operations in order of execution; those for which `ends` holds are
    closed by their parameters, and of a product the first factor that can be closed is: with both
    at zero neither would learn. Behind an operation of `barriers` nothing can be closed.
    """
    found: dict[int, Closing | None] = {}
    for number in inside:
        op = trace.ops[number]
        own = frozenset(op.params).union(*(computed.get(ref[0], ()) for ref in op.parents))
        if own and ends(op):
            found[number] = own
        elif number not in computed:
            parents = [
                found.get(ref[0])
                for ref in op.parents
                if ref[0] not in computed and _is_float(trace, ref)
            ]
            name = base_name(op.name)
            found[number] = None if name in barriers else _combined(name, parents, own)
    return _all_of([found.get(value) for value in values])


def _is_float(trace: Trace, ref: ValueRef) -> bool:
    """Whether it is a signal: indices and masks choose, and are not what is zero."""
    number, output = ref
    return trace.ops[number].is_float[max(output, 0)]


def _combined(name: str, parents: list[Closing | None], own: Closing) -> Closing | None:
    if not parents:
        return None
    if name in _PRODUCTS:
        return next((p for p in parents if p is not None), None)
    closed = _all_of(parents)
    # A bias is in the way of a zero too.
    return closed | own if closed is not None and name in _SUMS else closed


def _all_of(parts: Sequence[Closing | None]) -> Closing | None:
    closed = [part for part in parts if part is not None]
    return frozenset().union(*closed) if closed and len(closed) == len(parts) else None


def computed_from_parameters(trace: Trace) -> dict[int, Closing]:
    """The operations that depend on parameters and on no input, with those parameters."""
    found: dict[int, Closing] = {}
    inputs = set(trace.inputs)
    for number, op in enumerate(trace.ops):
        if number not in inputs and all(ref[0] in found for ref in op.parents):
            found[number] = frozenset(op.params).union(*(found[ref[0]] for ref in op.parents))
    return found


def passes_zero(modules: Sequence[nn.Module], zeroed: Collection[nn.Module]) -> tuple[bool, bool]:
    """Whether modules, one after the other, give zero for zero, and whether a gradient there.

    Tried out on copies, in which the parameters of `zeroed` are zero, and on a few shapes; what
    cannot be called on any of them counts as passing.
    """
    tail = copy.deepcopy(nn.ModuleList(modules)).eval()
    originals = nn.ModuleList(modules).modules()
    with torch.no_grad():
        for original, copied in zip(originals, tail.modules(), strict=True):
            if original in zeroed:
                for parameter in copied.parameters(recurse=False):
                    parameter.zero_()
    like = next(tail.parameters(), torch.empty(()))
    widths = {p.numel() for p in tail.parameters() if p.dim() == 1} - {1}
    for before, after in _AXES:
        x = torch.zeros((*before, max(widths, default=4), *after)).to(like).requires_grad_()
        try:
            with torch.enable_grad():
                y = x
                for module in tail:
                    y = module(y)
                (gradient,) = torch.autograd.grad(y.sum(), x)
        except Exception:  # a stranger's modules, on a shape that may not be theirs
            continue
        return not y.any(), bool(gradient.any())
    return True, True


def closing_layers(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The same for layers that run one after the other; empty where it cannot be known."""
    found: list[Layer] = []
    for layer in reversed(layers):
        if layer.kind == "weight":
            return (layer, *found)
        effect = _at_zero(layer.module) if layer.kind == "vector" else None
        if effect is None:
            return ()
        if effect == "zero":
            return (layer, *found)
        if effect == "input":  # it adds: a bias
            found.insert(0, layer)
    return ()


def _at_zero(module: nn.Module) -> str | None:
    """What a copy with parameters of zero returns: "zero", its "input", or something "else"."""
    tried = copy.deepcopy(module).eval()
    parameters = list(tried.parameters())
    channels = max(parameter.numel() for parameter in parameters)
    width = channels if channels > 1 else 4
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()
        for shape in (
            (4, width),
            (4, 3, width),
            (4, width, 3),
            (4, width, 3, 3),
            (4, width, 3, 3, 3),
        ):
            x = torch.randn(shape, generator=generator).to(parameters[0])
            try:
                y = tried(x)
            except Exception:  # a stranger's module, on a shape that may not be its own
                continue
            if isinstance(y, Tensor):
                return "zero" if not y.any() else "input" if torch.equal(x, y) else "else"
    return None
