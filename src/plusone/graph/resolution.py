"""How many positions each tensor of the activation graph tells apart.

Convolutions, pooling and interpolation read and make [N, C, *positions], layers on the last
dimension read rows, and everything else hands positions on; so no axis has to be followed through
views. Where a layer finds more positions than came, channels were unfolded (a pixel shuffle, tokens
put together to pictures): up to there, positions sit in the channels, as far as their number goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from plusone.graph.dag import Dag
from plusone.graph.opkinds import ATTEND, MATRIX_PRODUCTS, MOVING, POOLING

# Read and make [N, C, *positions].
PLACED = frozenset(
    [
        *("convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution"),
        *("miopen_convolution", "slow_conv2d_forward", "_slow_conv2d_forward", "thnn_conv2d"),
        *("conv1d", "conv2d", "conv3d", "conv_depthwise3d", "_conv_depthwise2d"),
        *("convolution_overrideable", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d"),
        *("_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
        *("max_pool2d_with_indices", "max_pool3d_with_indices", "max_unpool2d", "max_unpool3d"),
        *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"),
        *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"),
        *("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"),
        *("upsample_bicubic2d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
        *("grid_sampler_2d", "grid_sampler_3d", "pixel_shuffle", "pixel_unshuffle"),
    ]
)
# The places of a maximum, which are whole numbers and no signal, lead its values back.
UNPOOLED = frozenset(["max_unpool2d", "max_unpool3d"])
_SHUFFLES = frozenset(["pixel_shuffle", "pixel_unshuffle"])
_REDUCED = POOLING | frozenset(
    ["var", "std", "logsumexp", "max", "min", "linalg_vector_norm", "select"]
)
_REDUCED -= PLACED
# A transposed convolution that makes this many positions a side of one unpacks a frame or a patch,
# as a pixel shuffle does; one that doubles is a step of a decoder.
_FRAME = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Positions per sample: `at[v]` of the tensor that v makes, `numbers[v]` its numbers."""

    batch: int
    at: tuple[float, ...]
    numbers: tuple[float, ...]


def positions_of(dag: Dag, batch: int) -> Positions:
    """The positions of each node's tensor. Cost: linear."""
    at: list[float] = []
    is_last: list[bool] = []  # whether channels are the last dimension
    numbers = [math.prod(shape) / batch for shape in dag.shape]
    for v, shape in enumerate(dag.shape):
        count, last = _made(dag, v, at, is_last, batch)
        at.append(max(1.0, min(count, numbers[v])) if shape else 1.0)
        is_last.append(last)
    return Positions(batch=batch, at=tuple(at), numbers=tuple(numbers))


def _made(dag: Dag, v: int, at: list[float], is_last: list[bool], batch: int) -> tuple[float, bool]:
    name, shape, parents = dag.name[v], dag.shape[v], dag.parents[v]
    if name in PLACED and len(shape) > 2:
        return _placed(shape, batch), False
    if not parents:
        is_picture = name == "input" and len(shape) > 3
        return (_placed(shape, batch), False) if is_picture else (_rows(shape, batch), True)
    first = parents[0]
    before = dag.shape_of(first, dag.outs[v][0])
    if name in ATTEND:
        return at[first] * _ratio(shape, before), True
    if reads_rows(dag, v):
        return _rows(shape, batch), True
    if name in MATRIX_PRODUCTS:
        return at[first], True
    if len(set(parents)) > 1:
        widest = max(parents, key=lambda p: at[p])
        return at[widest], is_last[widest]
    if name in _REDUCED and math.prod(shape) < math.prod(before):
        return at[first] / _reduced(before, shape, is_last[first]), is_last[first]
    last = is_last[first]
    if name in MOVING and len(shape) > 2 and shape[-1] != before[-1]:
        last = not last
    if name == "native_layer_norm" and len(shape) > 2:
        last = True
    growth = math.prod(shape) / max(math.prod(before), 1)
    return at[first] * max(growth, 1.0), last


def reads_rows(dag: Dag, v: int) -> bool:
    """Whether v is a layer on the last dimension of what it reads."""
    if not dag.weight[v] or not dag.parents[v] or dag.name[v] in PLACED:
        return False
    before = dag.shape_of(dag.parents[v][0], dag.outs[v][0])
    return math.prod(before[:-1]) == math.prod(dag.shape[v][:-1])


def needed_positions(dag: Dag, found: Positions, wanted: dict[int, float]) -> list[float]:
    """How many positions the way from each node to one of the outputs can use at most.

    `wanted[v]` are the positions of output v. More than the node's tensor has where channels are
    unfolded on the way. Cost: linear.
    """
    need = [0.0] * len(dag)
    for v in range(len(dag) - 1, -1, -1):
        need[v] = max(need[v], wanted.get(v, 0.0))
        if need[v] == 0.0:
            continue
        for parent, out in zip(dag.parents[v], dag.outs[v], strict=True):
            through = _through(dag, found, v, dag.shape_of(parent, out), parent, need[v])
            need[parent] = max(need[parent], through)
    return [n if n == 0.0 else max(n, at) for n, at in zip(need, found.at, strict=True)]


def _through(
    dag: Dag, found: Positions, v: int, before: tuple[int, ...], parent: int, need: float
) -> float:
    """What v, whose result is to have `need` positions, needs of a parent of shape `before`."""
    after = found.at[v]
    held = need / after  # positions that each position of the result holds in its channels
    came = found.at[parent]
    if dag.name[v] in PLACED and len(before) > 2:
        came = _placed(before, found.batch)
    elif reads_rows(dag, v):
        came = _rows(before, found.batch)
    if dag.name[v] in _SHUFFLES or after <= came or _unpacks(dag, v, after / came):
        return need
    return came * held


def _unpacks(dag: Dag, v: int, growth: float) -> bool:
    axes = len(dag.shape[v]) - 2
    return bool(dag.weight[v]) and axes > 0 and growth >= _FRAME**axes


def effective_positions(found: Positions, need: list[float]) -> list[float]:
    """The positions that each tensor carries: its own, and those that sit in its channels."""
    return [
        max(at, min(n, numbers))
        for at, n, numbers in zip(found.at, need, found.numbers, strict=True)
    ]


def _placed(shape: tuple[int, ...], batch: int) -> float:
    return math.prod(shape) / max(shape[1], 1) / batch


def _rows(shape: tuple[int, ...], batch: int) -> float:
    return math.prod(shape[:-1]) / batch


def _ratio(shape: tuple[int, ...], before: tuple[int, ...]) -> float:
    return shape[-2] / max(before[-2], 1) if len(shape) > 1 and len(before) > 1 else 1.0


def _reduced(before: tuple[int, ...], after: tuple[int, ...], is_last: bool) -> float:
    """By how many positions a sum over some dimensions summed."""
    size = len(before)
    if len(after) == size:
        gone = [k for k in range(size) if after[k] != before[k]]
    else:
        gone, rest = [], list(after)
        for k, extent in enumerate(before):
            if rest and rest[0] == extent:
                rest.pop(0)
            else:
                gone.append(k)
    places = range(1, size - 1) if is_last else range(2, size)
    return math.prod(before[k] for k in gone if k in places)
