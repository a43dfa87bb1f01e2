"""The parameters of a model as one vector of real numbers, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from plusone.errors import InputError
from plusone.target.members import parameters_of
from plusone.target.suggest import a


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which parameters a vector stands for, in which order.

    Complex numbers count as two real ones. Vectors of parameters in half precision are float32,
    of any in float64 float64.
    """

    names: tuple[str, ...]
    parameters: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, model: nn.Module, *, name: str) -> Layout:
        """The parameters that require grad, each once, also where several modules share it.

        Raises:
            InputError: there are none.
        """
        every = parameters_of(model)
        chosen = [(n, p) for n, p in every if p.requires_grad and p.numel()]
        if not every:
            raise InputError(f"{name} has no parameters, so its loss has no landscape")
        if not chosen:
            raise InputError(
                f"all {len(every)} parameters of {name} are frozen (requires_grad is False): "
                "unfreeze those over which you want its landscape"
            )
        return cls(names=tuple(n for n, _ in chosen), parameters=tuple(p for _, p in chosen))

    @property
    def size(self) -> int:
        """The length of a vector."""
        return sum(map(_num_real, self.parameters))

    @property
    def dtype(self) -> torch.dtype:
        """Float64 where any parameter has that precision, else float32."""
        is_double = any(p.dtype in (torch.float64, torch.complex128) for p in self.parameters)
        return torch.float64 if is_double else torch.float32

    @property
    def device(self) -> torch.device:
        """Where vectors lie: with the first parameter."""
        return self.parameters[0].device

    def vector(self, tensors: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """One vector of `tensors`, shaped like the parameters; None stands for zeros."""
        parts = []
        for parameter, tensor in zip(self.parameters, tensors, strict=True):
            if tensor is None:
                size = _num_real(parameter)
                parts.append(torch.zeros(size, dtype=self.dtype, device=self.device))
                continue
            real = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
            parts.append(real.detach().reshape(-1).to(self.device, self.dtype))
        return torch.cat(parts)

    def tensors(self, vector: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The vector cut into tensors of the parameters' shapes, dtypes and devices."""
        if vector.shape != (self.size,):
            raise InputError(
                f"the vector has the shape {tuple(vector.shape)}, and the parameters are "
                f"{self.size:,} numbers: give {a(vector)} of shape ({self.size},)"
            )
        found = []
        for parameter, part in zip(self.parameters, self._parts(vector), strict=True):
            if parameter.is_complex():
                pairs = part.reshape(*parameter.shape, 2).contiguous()
                part = torch.view_as_complex(pairs)
            found.append(part.reshape(parameter.shape).to(parameter.device, parameter.dtype))
        return tuple(found)

    def _parts(self, vector: torch.Tensor) -> tuple[torch.Tensor, ...]:
        parts: tuple[torch.Tensor, ...] = vector.split([_num_real(p) for p in self.parameters])
        return parts


def _num_real(parameter: torch.Tensor) -> int:
    return math.prod(parameter.shape) * (2 if parameter.is_complex() else 1)
