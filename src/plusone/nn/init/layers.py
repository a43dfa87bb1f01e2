"""What kind of layer a module is, told by its own parameters and not by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from plusone.errors import InputError

Kind = Literal["weight", "attention", "vector", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A module with parameters of its own, `own` by name.

    `kind` is "weight" for a linear map, "attention" for the packed projections of
    `nn.MultiheadAttention`, "vector" for a norm or another module whose parameters have one
    dimension, and "other" for what has larger parameters that are no `weight`: those of a
    recurrent layer, of a parametrised one, or plain parameters of the user's module.
    """

    name: str
    module: nn.Module
    kind: Kind
    own: tuple[str, ...]

    @property
    def weight(self) -> Tensor:
        """The weight of a layer of kind "weight", [outputs, inputs, ...]."""
        weight = self.module.weight
        assert isinstance(weight, Tensor)
        return weight

    @property
    def bias(self) -> Tensor | None:
        bias = getattr(self.module, "bias", None)
        return bias if isinstance(bias, Tensor) else None

    @property
    def is_known_map(self) -> bool:
        """Whether the weight's first dimension is known to be the outputs."""
        return isinstance(self.module, (nn.Linear, _ConvNd)) and not getattr(
            self.module, "transposed", False
        )


def layer_of(name: str, module: nn.Module) -> Layer | None:
    """The module as a layer; None if it has no parameters of its own, or is an embedding."""
    own = dict(module.named_parameters(recurse=False))
    is_parametrised = parametrize.is_parametrized(module)
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or not (own or is_parametrised):
        return None
    return Layer(name=name, module=module, kind=_kind(module, own), own=tuple(own))


def _kind(module: nn.Module, own: dict[str, nn.Parameter]) -> Kind:
    if parametrize.is_parametrized(module):
        return "other"
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    weight = own.get("weight")
    if weight is not None and weight.dim() >= 2:
        return "weight"
    return "vector" if all(parameter.dim() <= 1 for parameter in own.values()) else "other"


def require_known(layer: Layer, method: str) -> None:
    """InputError unless a draw by the number of inputs is defined for this layer."""
    if layer.kind == "weight" and layer.is_known_map:
        return
    shapes = ", ".join(
        f"{name} {tuple(parameter.shape)}"
        for name, parameter in layer.module.named_parameters(recurse=False)
    )
    raise InputError(
        f"{method} draws weights by their number of inputs, which is not known for {layer.name} "
        f"({type(layer.module).__name__}: {shapes or 'parametrised'}); use nn.Linear or nn.Conv in "
        "the branch."
    )
