"""Jacobians of a stretch of a retained autograd graph, as linear operators on batches of vectors.

Shape suffixes: B samples, N inputs per sample, M outputs per sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.autograd.graph import GradientEdge

from plusone.probe.double_backward import slim
from plusone.probe.fronts import Front

_CUT = "the backward of a custom function cannot be differentiated again"
_VECTOR_DTYPE = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.complex32: torch.float32,
    torch.complex64: torch.float32,
    torch.complex128: torch.float64,
}


class NotMeasurable(Exception):
    """A Jacobian product cannot be had; the message is the reason that the report prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tensor in an autograd graph: its position, shape, dtype and device.

    As a vector, each complex number counts as two real ones.
    """

    edge: GradientEdge
    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Place:
        """The place of `tensor`, which must require grad."""
        edge = torch.autograd.graph.get_gradient_edge(tensor)
        shape = tuple(tensor.shape)
        return cls(edge=edge, shape=shape, dtype=tensor.dtype, device=tensor.device)

    @property
    def numel(self) -> int:
        """Real numbers in the tensor."""
        return math.prod(self.shape) * (2 if self.dtype.is_complex else 1)

    def tensor(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors [B, numbers] in the shape and dtype of this place."""
        if not self.dtype.is_complex:
            return vectors.reshape(self.shape).to(self.dtype)
        pairs = vectors.reshape(*self.shape, 2).contiguous()
        return torch.view_as_complex(pairs).to(self.dtype)


class JacobianOperator:
    """The Jacobian of `target` with respect to `source`, for each of `batch` independent samples.

    J^T u is one backward from target to source. J v is one backward through the graph of
    u -> J^T u, which the first `matvec` builds (double backward; no finite differences) and
    `close` frees. The samples stand one after another along dimension 0, each in as many rows
    (its positions, say); with `batch` None the whole tensors count as one. Half-precision graphs
    take and return float32 vectors, complex ones real vectors of twice the length. `anchor` is
    any tensor computed after target, best the model's output: autograd searches for u no deeper
    than u's own history reaches, so with u tied to the anchor a product's bookkeeping does not
    grow with the number of blocks before this one. `fronts` are the concatenations between
    source and target that begin with the source's numbers (see `fronts`).

    Cost with one thread, ResNet-50 at 64 x 64, all blocks, in forward+backwards: building 0.45,
    `rmatvec` 0.45, `matvec` 0.37. Touches no `.grad` and no random state.

    Reference: double backward as forward mode, Townsend (2017), "A new trick for calculating
    Jacobian vector products".
    """

    def __init__(
        self,
        source: Place,
        *,
        target: Place,
        batch: int | None,
        anchor: torch.Tensor | None = None,
        fronts: Sequence[tuple[Place, Front]] = (),
    ) -> None:
        for place in (source, target):
            _check(place, batch)
        self._source = source
        self._fronts = fronts
        self._target = target
        self._anchor = anchor
        self.num_samples = 1 if batch is None else batch
        self.num_inputs = source.numel // self.num_samples
        self.num_outputs = target.numel // self.num_samples
        self.dtype = _VECTOR_DTYPE.get(source.dtype, source.dtype)
        self.device = source.device
        self._pullback: tuple[torch.Tensor, torch.Tensor] | None = None
        self._is_zero = False

    def __enter__(self) -> JacobianOperator:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the graph of u -> J^T u; the forward's own graph is the caller's."""
        self._pullback = None

    def rmatvec(self, u_BM: torch.Tensor, /) -> torch.Tensor:
        """J^T u, [B, N]: one backward.

        Raises:
            NotMeasurable: a node on the way cannot be differentiated.
        """
        found = self._backward(self._target.tensor(u_BM), create_graph=False)
        return self._vectors(found, self.num_inputs)

    def matvec(self, v_BN: torch.Tensor, /) -> torch.Tensor:
        """J v, [B, M]: one backward through the graph of u -> J^T u.

        Raises:
            NotMeasurable: a node on the way cannot be differentiated twice.
        """
        if self._pullback is None and not self._is_zero:
            self._build(slimmed=True)
        tangent = self._source.tensor(v_BN)
        try:
            found = self._push(tangent)
        except RuntimeError:
            # Another version of torch may check the tensors that `slim` cut: do without.
            self._build(slimmed=False)
            try:
                found = self._push(tangent)
            except (RuntimeError, NotImplementedError) as cause:
                raise NotMeasurable(_reason(cause)) from cause
        if found is None:
            self._accept_zero()
        return self._vectors(found, self.num_outputs)

    def _accept_zero(self) -> None:
        """J^T u does not depend on u, says autograd: true of a step function, or a cut graph."""
        if self._is_zero:
            return
        probe = torch.Generator().manual_seed(0)
        u_BM = torch.randn(self.num_samples, self.num_outputs, generator=probe)
        if bool(self.rmatvec(u_BM.to(self.device)).any()):
            raise NotMeasurable(_CUT)
        self._is_zero = True
        self.close()

    def _push(self, tangent: torch.Tensor) -> torch.Tensor | None:
        if self._pullback is None:
            return None
        u, gradient = self._pullback
        (found,) = torch.autograd.grad(gradient, u, tangent, retain_graph=True, allow_unused=True)
        return found

    def _build(self, *, slimmed: bool) -> None:
        target = self._target
        with torch.enable_grad():
            u = torch.zeros(target.shape, dtype=target.dtype, device=target.device)
            # No leaf: the saved tensors of a leaf cannot be slimmed.
            u = u.requires_grad_() + _zero(self._anchor, u)
            gradient = self._backward(u, create_graph=True)
        if gradient is None:
            self._is_zero = True
            return
        if not gradient.requires_grad:
            self._accept_zero()
            return
        if slimmed:
            slim(gradient, cotangent=u)
        self._pullback = (u, gradient)

    def _backward(self, cotangent: torch.Tensor, *, create_graph: bool) -> torch.Tensor | None:
        try:
            found, *others = torch.autograd.grad(
                (self._target.edge,),
                (self._source.edge, *(place.edge for place, _ in self._fronts)),
                (cotangent,),
                retain_graph=True,
                create_graph=create_graph,
                allow_unused=True,
            )
        except (RuntimeError, NotImplementedError) as cause:
            raise NotMeasurable(_reason(cause)) from cause
        for other, (_, front) in zip(others, self._fronts, strict=True):
            if other is not None:
                part = front.of(other, self._source.shape[front.axis])
                found = part if found is None else found + part
        return found

    def _vectors(self, tensor: torch.Tensor | None, width: int) -> torch.Tensor:
        if tensor is None:
            return torch.zeros(self.num_samples, width, dtype=self.dtype, device=self.device)
        tensor = tensor if tensor.layout == torch.strided else tensor.to_dense()
        flat = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        return flat.reshape(self.num_samples, width).to(self.dtype)


def _zero(anchor: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    """A zero with the history of `anchor`, whatever its value."""
    if anchor is None or not anchor.requires_grad or anchor.numel() == 0:
        return like.new_zeros(())
    first = anchor[(0,) * anchor.dim()]
    first = torch.view_as_real(first)[0] if first.is_complex() else first
    return torch.where(torch.ones_like(first, dtype=torch.bool), 0.0, first).to(like)


def _check(place: Place, batch: int | None) -> None:
    assert place.dtype.is_complex or place.dtype.is_floating_point, "autograd knows no other"
    if batch is not None and (not place.shape or place.shape[0] % batch):
        raise ValueError(
            f"a tensor of shape {place.shape} does not hold {batch} samples along its first "
            "dimension; pass batch=None to treat it as one sample"
        )


def _reason(cause: BaseException) -> str:
    text = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return text if len(text) <= 160 else text[:157] + "..."
