"""Second moments of tensors, sample by sample, in numbers that cannot overflow on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from plusone.probe.nodes import Nodes

# Samples used for the Gram matrix of representations: its cost grows with their square.
MAX_SAMPLES = 32
MAX_TOKENS = 32


# Long rows are read in pieces of this many elements, whose results are added in float64: a float32
# sum over 10^7 squares is off by 7e-4, over 10^8 by 2e-2.
_PIECE = 2**17


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What was read of one tensor of `shape`: `square[b]` is the mean of its squares in sample b.

    `gram` is the matrix of cosines between the first `MAX_SAMPLES` samples; `tokens` that between
    at most `MAX_TOKENS` positions of the first sample, or nodes of a graph (None where the tensor
    has none). A row of
    zeros (padding, an isolated node) has no direction: its cosines, with itself too, are 0.
    """

    shape: tuple[int, ...]
    square: torch.Tensor
    gram: torch.Tensor | None = None
    tokens: torch.Tensor | None = None


def as_samples(tensor: torch.Tensor, batch: int | None) -> torch.Tensor:
    """The tensor as [samples, elements]: one row if its leading dimension is not the batch.

    A complex number becomes two real ones; a sparse tensor is filled up.
    """
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    samples = _num_samples(tensor, batch)
    flat = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    return flat.reshape(samples, flat.numel() // max(samples, 1))


def mean_square(tensor: torch.Tensor, batch: int | None) -> torch.Tensor:
    """The mean of |x|^2 over the elements of each sample, shape [samples], in float64.

    Norms are accumulated in float32 at least and squared in float64. Where squares would leave
    the range of that accumulation (a gradient of 1e-30, say), rows are divided by their largest
    element first, which costs two more reads; only below 1e-154 does the result become 0.
    """
    tensor = tensor.detach()
    rows = as_samples(tensor, batch)
    norm = _norms(rows)
    if not _is_in_range(norm, rows):
        norm = _norms_of_any_size(rows)
    return norm.square() / _num_elements(tensor, rows)


def rms_of_all(tensor: torch.Tensor) -> float:
    """The root mean square of all elements; 0 only where all of them are, to float32's digits.

    Made for the many gradients of weights: one read each, and one more where squares are out of
    range (there it is the largest absolute value) or all elements are zero.
    """
    flat = tensor.detach()
    if not flat.numel():
        return 0.0
    if flat.is_complex():
        flat = torch.view_as_real(flat.resolve_conj())
    dtype = torch.float64 if flat.dtype == torch.float64 else torch.float32
    norm = float(torch.linalg.vector_norm(flat, dtype=dtype))
    if 1e3 * math.sqrt(torch.finfo(dtype).tiny * flat.numel()) < norm < math.inf:
        return norm / math.sqrt(tensor.numel())
    low, high = (float(end) for end in torch.aminmax(flat))
    return math.nan if math.isnan(low) else max(-low, high)


def moments(tensor: torch.Tensor, batch: int | None, nodes: Nodes | None = None) -> Moments:
    """The moments of one tensor with its Gram matrices. Cost: one read for small batches.

    `nodes` says which rows of a tensor with one for each node of a graph are compared.
    """
    tensor = tensor.detach()
    rows = as_samples(tensor, batch)
    gram = None
    square = None
    if rows.shape[0] > 1 and not tensor.is_complex():
        products, scale = _products(rows[:MAX_SAMPLES])
        gram = _cosines(products)
        if rows.shape[0] <= MAX_SAMPLES:
            lengths = products.diagonal().clamp_min(0) * scale.square()
            square = lengths / _num_elements(tensor, rows)
    return Moments(
        shape=tuple(tensor.shape),
        square=mean_square(tensor, batch) if square is None else square,
        gram=gram,
        tokens=_token_gram(tensor, batch, nodes),
    )


def _num_samples(tensor: torch.Tensor, batch: int | None) -> int:
    has_batch = batch is not None and tensor.dim() > 0 and tensor.shape[0] == batch
    return tensor.shape[0] if has_batch else 1


def _num_elements(tensor: torch.Tensor, rows: torch.Tensor) -> int:
    """Elements per sample; a complex number is one."""
    return max(rows.shape[1] // (2 if tensor.is_complex() else 1), 1)


def _norms(rows: torch.Tensor) -> torch.Tensor:
    """The Euclidean norm of each row, in float64."""
    dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
    norm: torch.Tensor
    if rows.shape[1] <= _PIECE:
        norm = torch.linalg.vector_norm(rows, dim=1, dtype=dtype)
        return norm.double()
    pieces = [torch.linalg.vector_norm(p, dim=2, dtype=dtype).double() for p in _pieces(rows)]
    norm = torch.linalg.vector_norm(torch.cat(pieces, dim=1), dim=1)
    return norm


def _pieces(rows: torch.Tensor) -> list[torch.Tensor]:
    """Views [samples, pieces, elements] that together hold every element once."""
    whole = rows.shape[1] // _PIECE * _PIECE
    pieces = [rows[:, :whole].unflatten(1, (-1, _PIECE))]
    return [*pieces, rows[:, None, whole:]] if whole < rows.shape[1] else pieces


def _is_in_range(norm: torch.Tensor, rows: torch.Tensor) -> bool:
    """Whether the squares that `norm` was made from neither overflowed nor lost digits."""
    if not norm.numel():
        return True
    low, high = (float(end) for end in torch.aminmax(norm))
    info = torch.finfo(torch.float64 if rows.dtype == torch.float64 else torch.float32)
    floor = 1e3 * math.sqrt(info.tiny * max(rows.shape[1], 1))
    return low > floor and high < math.inf


def _norms_of_any_size(rows: torch.Tensor) -> torch.Tensor:
    scale = _largest(rows)
    if not bool(_has_size(scale).any()):
        return scale  # 0, infinite or NaN: so is the norm
    scaled, scale = _scaled(rows, scale)
    norm: torch.Tensor = torch.linalg.vector_norm(scaled, dim=1) * scale
    return norm


def _largest(rows: torch.Tensor) -> torch.Tensor:
    """The largest absolute value of each row, in float64."""
    if not rows.shape[1]:
        return rows.new_zeros(rows.shape[0], dtype=torch.float64)
    # Two reads of one vector instruction each: aminmax along a dimension takes ten times as long.
    return torch.maximum(rows.amax(1), -rows.amin(1)).double()


def _has_size(scale: torch.Tensor) -> torch.Tensor:
    return torch.isfinite(scale) & (scale > 0)


def _scaled(rows: torch.Tensor, scale: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row divided by `scale`, its largest element, and that; both in float64."""
    scale = torch.where(_has_size(scale), scale, 1.0)
    return rows.double() / scale[:, None], scale


def _products(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scalar products of the rows, each divided by its scale, and the scales (1 as a rule)."""
    rows = rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
    products = _gram(rows)
    if _is_in_range(products.diagonal().clamp_min(0).sqrt(), rows):
        return products, products.new_ones(len(rows))
    scaled, scale = _scaled(rows, _largest(rows))
    return scaled @ scaled.T, scale


def _gram(rows: torch.Tensor) -> torch.Tensor:
    if rows.shape[1] <= _PIECE:
        return (rows @ rows.T).double()
    pieces = [p.transpose(0, 1) for p in _pieces(rows)]
    return torch.cat([p @ p.mT for p in pieces]).double().sum(0)


def _cosines(products: torch.Tensor) -> torch.Tensor:
    """The matrix of cosines, from that of scalar products; a zero row has cosine 0 with all."""
    norm = products.diagonal().clamp_min(0).sqrt()
    norm = torch.where(norm == 0, 1.0, norm)
    return products / (norm[:, None] * norm[None, :])


def _token_gram(
    tensor: torch.Tensor, batch: int | None, nodes: Nodes | None
) -> torch.Tensor | None:
    """Cosines between positions: of [batch, tokens, channels], also with tokens first, or of nodes
    in [nodes, channels]."""
    rows = None if tensor.is_complex() else _positions(tensor, batch, nodes)
    if rows is None or rows.shape[0] < 2:
        return None
    step = max(1, rows.shape[0] // MAX_TOKENS)
    return _cosines(_products(rows[::step][:MAX_TOKENS])[0])


def _positions(tensor: torch.Tensor, batch: int | None, nodes: Nodes | None) -> torch.Tensor | None:
    """The rows of the positions of the first sample, or of a graph's nodes."""
    if nodes is not None and tensor.dim() > 1 and tensor.shape[0] == nodes.count:
        return tensor[nodes.component.to(tensor.device)].flatten(1)  # heads may have an axis
    if tensor.dim() == 3 and batch in tensor.shape[:2]:
        return tensor[0] if tensor.shape[0] == batch else tensor[:, 0]
    if nodes is not None:
        return None  # rows of a graph that are no nodes are edges
    has_batch = batch is not None and tensor.dim() > 0 and tensor.shape[0] == batch
    return tensor if tensor.dim() == 2 and not has_batch else None


def mean_cosine(gram: torch.Tensor, pairs: torch.Tensor | None = None) -> float | None:
    """The mean cosine between two different rows, from their matrix of cosines.

    Zero rows do not count; `pairs` may choose among the others. None where no pair is left, NaN
    where a row is not finite.
    """
    has_direction = gram.diagonal() != 0
    counts = (has_direction[:, None] & has_direction).fill_diagonal_(fill_value=False)
    counts = counts if pairs is None else counts & pairs
    return float(gram[counts].mean()) if bool(counts.any()) else None


def effective_rank(gram: torch.Tensor) -> float | None:
    """exp of the entropy of the eigenvalues of the matrix of cosines, over their sum.

    Between 1 (all rows parallel) and the number of rows (all orthogonal); a long row counts no
    more than a short one, and a zero row not at all. None with fewer than two other rows, NaN
    where a row is not finite.

    Reference: Friedman and Dieng (2023), definition 3.1, with the cosine as similarity. Eigenvalues
    are squared singular values of the rows, whose first powers Roy and Vetterli (2007) take.
    """
    if int((gram.diagonal() != 0).sum()) < 2:
        return None
    if not bool(torch.isfinite(gram).all()):
        return math.nan
    p = torch.linalg.eigvalsh(gram).clamp_min(0)
    p = p / p.sum()
    return float(torch.exp(-(p * p.clamp_min(1e-300).log()).sum()))
