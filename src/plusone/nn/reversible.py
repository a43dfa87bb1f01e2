"""Reversible residual blocks: inputs are computed back from outputs, and none is stored.

RevNet (Gomez et al. 2017, arXiv 1707.04585, equations 6 and 8) couples two streams,

    y1 = x1 + f(x2),  y2 = x2 + g(y1)        and back        x2 = y2 - g(y1),  x1 = y1 - f(x2).

The backward pass of a stack stores its last output alone. Each block computes its input, runs its
branches a second time for their gradients, and hands that input to the block before it. Memory
grows with depth by the parameters and their gradients only; time is that of one more forward pass,
about 4/3 of a plain stack's.

The inverse rounds anew in each block: in float32 about 1e-6 of the input is lost over 100 blocks,
and gradients are off by two or three times what rounding does to a plain stack's; in bfloat16 the
input is lost, and the gradients with it.

What a second pass would change or need is kept by `plusone.nn.replay`: the random state, so that
dropout drops the same units; buffers, so that a batch norm counts each batch once; autocast.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.func import functional_call
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from plusone.errors import InputError
from plusone.nn.replay import Replay

Pair = tuple[Tensor, Tensor]
Gradients = tuple[Tensor | None, ...]


class ReversibleBlock(nn.Module):
    """The coupling of two streams by branches f and g, which keep shapes and types.

    Branches get further arguments of the call too (a mask, an encoder's output); gradients flow to
    tensors among them. Gradients of gradients are not available. Compiled or exported, the block is
    computed in the ordinary way, without saving memory: compile the branches instead.
    """

    def __init__(self, f: nn.Module, g: nn.Module) -> None:
        super().__init__()
        self.f = f
        self.g = g

    def forward(self, x1: Tensor, x2: Tensor, *args: object, **kwargs: object) -> Pair:
        """(y1, y2); one block alone stores its outputs instead of its branches' activations.

        Raises:
            InputError: where a branch changes shape or type, or its input in place.
        """
        return _run([self], (x1, x2), x1.dtype, args, kwargs)

    def inverse(self, y1: Tensor, y2: Tensor, *args: object, **kwargs: object) -> Pair:
        """(x1, x2), an ordinary and differentiable calculation. Dropout has to be off."""
        return self._inverse((y1, y2), y1.dtype, args, kwargs)

    def _inverse(
        self, y: Pair, dtype: torch.dtype, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> Pair:
        x2 = y[1] - _update(self.g, y[0], y[1], dtype, args, kwargs)
        return y[0] - _update(self.f, x2, y[0], dtype, args, kwargs), x2


class ReversibleSequential(nn.Module):
    """Reversible blocks in a row, with memory that does not grow with their number.

    Each block is a `ReversibleBlock` or a pair of branches (f, g). The input is one tensor, whose
    axis `dim` is halved into two streams and put together again, or the two streams themselves.
    With a `stream_dtype` wider than the input's, sums are made and taken apart in it, while
    branches stay with the input's type: float32 for nets in half precision, whose inverse needs it,
    or float64 for gradients of a float32 net without any loss. Memory: two tensors of that type.
    Hooks belong on branches: those of blocks inside a stack are not called in training.
    """

    def __init__(
        self,
        blocks: Iterable[ReversibleBlock | tuple[nn.Module, nn.Module]],
        *,
        dim: int = -1,
        stream_dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        made = [b if isinstance(b, ReversibleBlock) else ReversibleBlock(*b) for b in blocks]
        if not made:
            raise InputError("ReversibleSequential needs at least 1 block; got none.")
        self.blocks = nn.ModuleList(made)
        self.dim = dim
        self.stream_dtype = stream_dtype

    def forward(self, x: Tensor | Pair, *args: object, **kwargs: object) -> Tensor | Pair:
        """The outputs in the form of the input, one tensor or two."""
        halves, dtype = self._halves(x)
        return self._joined(_run(self._members(), halves, dtype, args, kwargs), x)

    def inverse(self, y: Tensor | Pair, *args: object, **kwargs: object) -> Tensor | Pair:
        """The input that gives this output. Dropout has to be off."""
        halves, dtype = self._halves(y)
        for block in reversed(self._members()):
            halves = block._inverse(halves, dtype, args, kwargs)
        return self._joined(halves, y)

    def extra_repr(self) -> str:
        return f"dim={self.dim}" + (f", stream_dtype={self.stream_dtype}" * bool(self.stream_dtype))

    def _members(self) -> list[ReversibleBlock]:
        return [block for block in self.blocks if isinstance(block, ReversibleBlock)]

    def _halves(self, x: Tensor | Pair) -> tuple[Pair, torch.dtype]:
        """The streams, and the type in which branches get them."""
        if not isinstance(x, Tensor):
            x1, x2 = x
        elif x.dim() == 0 or x.shape[self.dim] % 2:
            raise InputError(
                f"A reversible stack halves axis {self.dim} into two streams; shape "
                f"{tuple(x.shape)} has no even one there. Pass a pair of tensors instead."
            )
        else:
            x1, x2 = x.chunk(2, self.dim)
        wide = self.stream_dtype or x1.dtype
        return (x1.to(wide), x2.to(wide)), x1.dtype

    def _joined(self, halves: Pair, like: Tensor | Pair) -> Tensor | Pair:
        if isinstance(like, Tensor):
            return torch.cat(halves, self.dim).to(like.dtype)
        return halves[0].to(like[0].dtype), halves[1].to(like[1].dtype)


_PLACE = object()


@dataclass(slots=True)
class _Tape:
    """Where, in the backward pass, a block leaves its inputs: the outputs of the block before."""

    pair: Pair | None = None


@dataclass(frozen=True, slots=True)
class _Call:
    """One use of a block: its place, and how to call its branches on given tensors.

    `names` are those of each branch's parameters; `leaves` are the arguments after the streams,
    flattened, with `_PLACE` where a tensor belongs.
    """

    branches: tuple[nn.Module, nn.Module]
    dtype: torch.dtype
    tape: _Tape
    is_first: bool
    is_last: bool
    leaves: tuple[object, ...]
    spec: TreeSpec
    names: tuple[tuple[str, ...], tuple[str, ...]]

    def split(
        self, tensors: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
        """The context, and the parameters of both branches."""
        start_g = len(tensors) - len(self.names[1])
        start_f = start_g - len(self.names[0])
        return tensors[:start_f], (tensors[start_f:start_g], tensors[start_g:])

    def arguments(self, context: Iterable[Tensor]) -> tuple[tuple[object, ...], dict[str, object]]:
        """The arguments of a branch after its input."""
        tensors = iter(context)
        leaves = [next(tensors) if leaf is _PLACE else leaf for leaf in self.leaves]
        args, kwargs = tree_unflatten(leaves, self.spec)
        return args, kwargs


def _run(
    blocks: list[ReversibleBlock],
    streams: Pair,
    dtype: torch.dtype,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> Pair:
    """The outputs of the blocks, whose branches run in `dtype`, in the way that stores least."""
    x1, x2 = streams
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        for block in blocks:
            x1 = x1 + _update(block.f, x2, x1, dtype, args, kwargs)
            x2 = x2 + _update(block.g, x1, x2, dtype, args, kwargs)
        return x1, x2
    _warn_of_half_precision(x1)
    flat, spec = tree_flatten((args, kwargs))
    context = [leaf for leaf in flat if isinstance(leaf, Tensor)]
    leaves = tuple(_PLACE if isinstance(leaf, Tensor) else leaf for leaf in flat)
    tape = _Tape()
    for index, block in enumerate(blocks):
        named = [list(branch.named_parameters()) for branch in (block.f, block.g)]
        call = _Call(
            branches=(block.f, block.g),
            dtype=dtype,
            tape=tape,
            is_first=index == 0,
            is_last=index == len(blocks) - 1,
            leaves=leaves,
            spec=spec,
            names=(tuple(n for n, _ in named[0]), tuple(n for n, _ in named[1])),
        )
        parameters = [p for pairs in named for _, p in pairs]
        x1, x2 = _Coupling.apply(call, x1, x2, *context, *parameters)  # type: ignore[no-untyped-call]
    return x1, x2


class _Coupling(torch.autograd.Function):
    """One block. Tensors that gradients may flow to (context, parameters) are explicit inputs, so
    that streams without gradients and `torch.autograd.grad` work as they do elsewhere."""

    @staticmethod
    def forward(ctx: FunctionCtx, call: _Call, x1: Tensor, x2: Tensor, *tensors: Tensor) -> Pair:
        args, kwargs = call.arguments(call.split(tensors)[0])
        replays = []
        streams = [x1, x2]
        for into, branch in enumerate(call.branches):
            source = streams[1 - into]
            version = source._version
            replay = Replay(branch, source.device)
            update = _update(branch, source, streams[into], call.dtype, args, kwargs)
            if source._version != version:
                raise InputError(
                    f"{type(branch).__name__} changes its input in place (a ReLU(inplace=True) at "
                    "its start?), so that a reversible block cannot compute it back."
                )
            replays.append(replay.settle())
            streams[into] = streams[into] + update
        outputs = tuple(streams) if call.is_last else ()
        ctx.save_for_backward(*outputs, *tensors)
        ctx.call = call  # type: ignore[attr-defined]
        ctx.replays = replays  # type: ignore[attr-defined]
        return streams[0], streams[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad1: Tensor, grad2: Tensor) -> Gradients:
        call: _Call = ctx.call  # type: ignore[attr-defined]
        tensors: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        if call.is_last:
            call.tape.pair = tensors[0], tensors[1]
            tensors = tensors[2:]
        assert call.tape.pair is not None, "The block after this one has left no input."
        streams, grads = list(call.tape.pair), [grad1, grad2]
        context, parameters = call.split(tensors)
        of_context: list[Tensor | None] = [None] * len(context)
        of_parameters: list[Gradients] = [(), ()]
        for into in (1, 0):
            replay: Replay = ctx.replays[into]  # type: ignore[attr-defined]
            with replay.again():
                update, found = _branch_gradients(
                    call, into, streams[1 - into], context, parameters[into], grads[into]
                )
            streams[into] = streams[into] - update
            of_source, of_parameters[into] = found[0], found[1 + len(context) :]
            grads[1 - into] = _sum(grads[1 - into], of_source)
            pairs = zip(of_context, found[1 : 1 + len(context)], strict=True)
            of_context = [b if a is None else _sum(a, b) for a, b in pairs]
        call.tape.pair = None if call.is_first else (streams[0], streams[1])
        return None, *grads, *of_context, *of_parameters[0], *of_parameters[1]


def _branch_gradients(
    call: _Call,
    which: int,
    source: Tensor,
    context: tuple[Tensor, ...],
    parameters: tuple[Tensor, ...],
    cotangent: Tensor,
) -> tuple[Tensor, Gradients]:
    """The branch's output and the gradients at its input, the context and the parameters."""
    branch = call.branches[which]
    source = source.detach().to(call.dtype).requires_grad_()
    context = tuple(_leaf(tensor) for tensor in context)
    args, kwargs = call.arguments(context)
    present = tuple(branch.parameters())
    is_same = len(present) == len(parameters) and all(
        a is b and not a._backward_hooks for a, b in zip(present, parameters, strict=True)
    )
    with torch.enable_grad():
        if is_same:
            output = branch(source, *args, **kwargs)
        else:
            # Parameters that were others in the first pass (functional_call), or whose hooks would
            # run here as well as in the pass around this one.
            parameters = tuple(_leaf(p) for p in parameters)
            named = dict(zip(call.names[which], parameters, strict=True))
            output = functional_call(branch, named, (source, *args), kwargs)
    leaves = (source, *context, *parameters)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    if not output.requires_grad:
        return output, (None,) * len(leaves)
    cotangent = cotangent.to(output.dtype)
    found = iter(torch.autograd.grad(output, wanted, cotangent, allow_unused=True))
    return output.detach(), tuple(next(found) if leaf.requires_grad else None for leaf in leaves)


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _sum(one: Tensor, other: Tensor | None) -> Tensor:
    return one if other is None else one + other


def _update(
    branch: nn.Module,
    source: Tensor,
    stream: Tensor,
    dtype: torch.dtype,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> Tensor:
    """The branch's output, if it can be added to the stream and taken away again."""
    update = branch(source.to(dtype), *args, **kwargs)
    if not isinstance(update, Tensor):
        raise InputError(
            f"A reversible branch returns one tensor; {type(branch).__name__} returned "
            f"{type(update).__name__}."
        )
    if update.shape != stream.shape:
        raise InputError(
            f"A reversible branch keeps shapes; {type(branch).__name__} made "
            f"{tuple(update.shape)} for a stream of {tuple(stream.shape)}."
        )
    if torch.promote_types(update.dtype, stream.dtype) != stream.dtype:
        raise InputError(
            f"{type(branch).__name__} made {update.dtype} for a stream of {stream.dtype}, which "
            "would not stay so."
        )
    result: Tensor = update
    return result


def _warn_of_half_precision(x: Tensor) -> None:
    if x.dtype in (torch.float16, torch.bfloat16):
        warnings.warn(
            f"Streams of {x.dtype} cannot be computed back: rounding is of the size of updates, "
            "and gradients will be wrong. Keep streams in float32: stream_dtype=torch.float32, or "
            "autocast.",
            stacklevel=4,
        )
