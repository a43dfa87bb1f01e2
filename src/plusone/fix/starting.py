"""Weights of a plain stretch drawn anew, by the activation that follows each layer."""

from __future__ import annotations

import math

from torch import nn
from torch.nn.modules.conv import _ConvNd

from plusone.fix.edits.edit import Edit
from plusone.fix.edits.starts import DrawWeights, How
from plusone.fix.sites import Survey
from plusone.graph.opkinds import base_name

# Standard deviation times sqrt(fan-in): torch's default is 0.58, Xavier's 1, He's 1.41.
_USUAL_START = (0.25, 2.0)

_HOW: dict[str, How] = {
    "relu": "he",
    "leaky_relu": "he",
    "gelu": "he",
    "silu": "he",
    "elu": "he",
    "tanh": "orthogonal",
    "sigmoid": "xavier",
}


def drawn_weights(survey: Survey) -> tuple[Edit, ...]:
    """He's start in front of a ReLU and its like, orthogonal in front of a tanh, else Xavier's.

    A layer that no activation follows, as the last, stays as it is unless its weights are far from
    any usual start. A layer that runs twice is left alone.
    """
    edits: list[Edit] = []
    for path, module in survey.model.named_modules():
        if not isinstance(module, (nn.Linear, _ConvNd)) or survey.is_closed(path):
            continue
        how = _followed_by(survey, path) or ("xavier" if is_odd(module) else None)
        if how is not None and survey.calls.get(path) == 1:
            edits.append(DrawWeights(path=path, how=how, has_bias=module.bias is not None))
    return tuple(edits)


def is_odd(module: nn.Linear | _ConvNd) -> bool:
    """Whether the weights are far smaller or larger than any usual start makes them."""
    if module.weight.numel() < 2:
        return False
    size = float(module.weight.detach().std()) * math.sqrt(module.weight[0].numel())
    return not _USUAL_START[0] <= size <= _USUAL_START[1]


def _followed_by(survey: Survey, path: str) -> How | None:
    """By the first activation behind the layer, if one comes before the next layer."""
    site = survey.sites.get(path)
    if site is None or not site.weighted:
        return None
    behind = (w for w in survey.weighted if w > site.weighted[-1])
    end = next(behind, len(survey.trace.ops))
    for op in survey.trace.ops[site.weighted[-1] : end]:
        how = _HOW.get(base_name(op.name))
        if how is not None:
            return how
    return None
