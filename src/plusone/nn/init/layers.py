"""What kind of layer a module is, told by its own parameters and not by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from plusone.errors import InputError

Kind = Literal["weight", "attention", "vector"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A module with parameters of its own.

    `kind` is "weight" for a linear map, "attention" for the packed projections of
    `nn.MultiheadAttention`, and "vector" for a norm or another module whose parameters have one
    dimension.
    """

    name: str
    module: nn.Module
    kind: Kind

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
    if not own or isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return None
    if isinstance(module, nn.MultiheadAttention):
        return Layer(name=name, module=module, kind="attention")
    weight = own.get("weight")
    if weight is not None and weight.dim() >= 2:
        return Layer(name=name, module=module, kind="weight")
    if all(parameter.dim() <= 1 for parameter in own.values()):
        return Layer(name=name, module=module, kind="vector")
    return None


def require_known(layer: Layer, method: str) -> None:
    """InputError unless a draw by fan-in is defined for this layer."""
    if not layer.is_known_map:
        raise InputError(
            f"{method} draws weights by their number of inputs, which is not known for "
            f"{layer.name} ({type(layer.module).__name__}, weight {tuple(layer.weight.shape)}); "
            "use nn.Linear or nn.Conv in the branch."
        )
