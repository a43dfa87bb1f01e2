"""Ways to put skips around the branches of a transformer.

| method       | y of a branch f                          | source                          |
|--------------|------------------------------------------|---------------------------------|
| none         | f(N(x))                                  | the twin of "pre" without skips |
| pre          | x + f(N(x))                              | Xiong et al. 2020, 2002.04745   |
| post         | N(x + f(x))                              | Vaswani et al. 2017, 1706.03762 |
| sandwich     | x + N'(f(N(x)))                          | Ding et al. 2021, 2105.13290    |
| deepnorm     | N(alpha x + f(x))                        | Wang et al. 2022, 2203.00555    |
| keel         | N'(L x + f(N(x))), L branches            | Chen and Wei 2026, 2601.19895   |
| rezero       | x + alpha f(x), alpha = 0, no norm       | Bachlechner 2020, 2003.04887    |
| layer-scale  | x + gamma f(N(x)), gamma small           | Touvron et al. 2021, 2103.17239 |
| hyper        | hyper-connections, 4 streams             | Zhu et al. 2024, 2409.19606     |
| mhc          | the same, mixing without amplification   | Xie et al. 2025, 2512.24880     |
| attention    | each branch attends over all before it   | Chen et al. 2026, 2603.15031    |

N is a layer norm. The parts have files of their own in `plusone.nn`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.models.branch_only import BranchOnly
from plusone.nn.residual import Residual
from plusone.nn.scales.deepnorm import DeepNorm, DeepNormCoefficients
from plusone.nn.scales.layer_scale import LayerScale
from plusone.nn.scales.rezero import ReZero
from plusone.nn.streams.depth_attention import AttentionResiduals
from plusone.nn.streams.hyper_connection import HyperConnection
from plusone.nn.streams.layout import expand_streams, reduce_streams
from plusone.nn.streams.manifold_hyper_connection import ManifoldHyperConnection

Method = Literal[
    "none",
    "pre",
    "post",
    "sandwich",
    "deepnorm",
    "keel",
    "rezero",
    "layer-scale",
    "hyper",
    "mhc",
    "attention",
]
NUM_STREAMS = 4
# The stream of these is the sum of all branches, and is normed once, at the end.
NORMED_END = frozenset({"none", "pre", "sandwich", "layer-scale", "hyper", "mhc", "attention"})


def residual_stack(branches: Sequence[nn.Module], width: int, *, method: Method) -> nn.Module:
    """The branches in a row, each [..., width] to the same shape, with the method's skips.

    Raises:
        InputError: an unknown method, or no branch.
    """
    if method not in get_args(Method):
        raise InputError(f"method is {method!r}; it must be one of {', '.join(get_args(Method))}.")
    if not branches:
        raise InputError("residual_stack needs at least 1 branch; got none.")
    if method == "attention":
        return AttentionResiduals([_normed(branch, width) for branch in branches], width)
    if method in ("hyper", "mhc"):
        block = HyperConnection if method == "hyper" else ManifoldHyperConnection
        return Streams(
            block(_normed(branch, width), width, layer=layer, streams=NUM_STREAMS)
            for layer, branch in enumerate(branches)
        )
    make = _ONE_STREAM[method]
    return nn.Sequential(*(make(branch, width, len(branches)) for branch in branches))


class Streams(nn.Module):
    """Blocks on several copies of the stream, whose mean is the output."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return reduce_streams(self.blocks(expand_streams(x, NUM_STREAMS)))


def _normed(branch: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), branch)


def _none(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(branch, skip=BranchOnly(), norm=nn.LayerNorm(width))


def _pre(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(branch, norm=nn.LayerNorm(width))


def _post(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(branch, norm=nn.LayerNorm(width), placement="post")


def _sandwich(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(branch, norm=lambda: nn.LayerNorm(width), placement="sandwich")


def _deepnorm(branch: nn.Module, width: int, count: int) -> Residual:
    alpha = DeepNormCoefficients.of_branches(count).alpha
    return Residual(branch, scale=DeepNorm(alpha), norm=nn.LayerNorm(width), placement="post")


def _keel(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(
        _normed(branch, width),
        scale=DeepNorm(float(count)),
        norm=nn.LayerNorm(width),
        placement="post",
    )


def _rezero(branch: nn.Module, width: int, count: int) -> Residual:
    return Residual(branch, scale=ReZero())


def _layer_scale(branch: nn.Module, width: int, count: int) -> Residual:
    scale = LayerScale(width, depth=(count + 1) // 2)  # a layer is two branches
    return Residual(branch, scale=scale, norm=nn.LayerNorm(width))


_ONE_STREAM: dict[str, Callable[[nn.Module, int, int], Residual]] = {
    "none": _none,
    "pre": _pre,
    "post": _post,
    "sandwich": _sandwich,
    "deepnorm": _deepnorm,
    "keel": _keel,
    "rezero": _rezero,
    "layer-scale": _layer_scale,
}
