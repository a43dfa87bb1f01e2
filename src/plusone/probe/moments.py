"""Second moments of tensors, sample by sample, in numbers that cannot overflow on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

# Samples used for the Gram matrix of representations: its cost grows with their square.
MAX_SAMPLES = 32
MAX_TOKENS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What was read of one tensor: `square[b]` is the mean of its squares in sample b.

    `gram` is the Gram matrix of the first samples, flattened and each of unit length; `tokens`
    that of some positions of the first sample (None where the tensor has none).
    `numel` counts elements per sample.
    """

    square: torch.Tensor
    numel: int
    gram: torch.Tensor | None = None
    tokens: torch.Tensor | None = None


def as_samples(tensor: torch.Tensor, batch: int | None) -> torch.Tensor:
    """The tensor as [samples, elements]: one row if its leading dimension is not the batch.

    Complex numbers count as two real ones.
    """
    flat = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    if batch is not None and flat.dim() > 0 and flat.shape[0] == batch:
        return flat.reshape(batch, -1)
    return flat.reshape(1, -1)


def mean_square(tensor: torch.Tensor, batch: int | None) -> torch.Tensor:
    """The mean square of each sample, shape [samples], in float64.

    The norm is accumulated in float32 at least and squared in float64. Where squares would leave
    the range of that accumulation (a gradient of 1e-30, say), rows are divided by their largest
    element first, which costs two more reads; only below 1e-154 does the result become 0.
    """
    rows = as_samples(tensor.detach(), batch)
    dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
    norm: torch.Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=dtype)
    width = max(rows.shape[1], 1)
    if not _is_in_range(norm, width):
        scaled, scale = _scaled(rows)
        norm = torch.linalg.vector_norm(scaled, dim=1) * scale
    square: torch.Tensor = norm.double().square() / width
    return square


def moments(tensor: torch.Tensor, batch: int | None) -> Moments:
    """The moments of one tensor with its Gram matrices. Cost: one read for small batches."""
    tensor = tensor.detach()
    rows = as_samples(tensor, batch)
    gram = None
    square = None
    if rows.shape[0] > 1 and not tensor.is_complex():
        products, scale = _products(rows[:MAX_SAMPLES])
        gram = _cosines(products)
        if rows.shape[0] <= MAX_SAMPLES:
            lengths = products.diagonal().clamp_min(0)
            lengths = lengths if scale is None else lengths * scale.square()
            square = lengths / max(rows.shape[1], 1)
    return Moments(
        square=mean_square(tensor, batch) if square is None else square,
        numel=rows.shape[1],
        gram=gram,
        tokens=_token_gram(tensor, batch),
    )


def _is_in_range(norm: torch.Tensor, width: int) -> bool:
    """Whether the squares that `norm` was made from neither overflowed nor lost digits."""
    low, high = torch.aminmax(norm) if norm.numel() else (norm.new_ones(()), norm.new_ones(()))
    floor = 1e3 * math.sqrt(torch.finfo(norm.dtype).tiny * width)
    return float(low) > floor and float(high) < math.inf


def _scaled(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each row divided by its largest element, and these elements; both in float64."""
    rows = rows.double()
    scale = rows.abs().amax(1) if rows.shape[1] else rows.new_zeros(rows.shape[0])
    has_size = torch.isfinite(scale) & (scale > 0)
    scale = torch.where(has_size, scale, 1.0)
    return rows / scale[:, None], scale


def _products(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Scalar products of all rows, or those of the scaled rows with the scales."""
    rows = rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
    products = rows @ rows.T
    if _is_in_range(products.diagonal().clamp_min(0).sqrt(), max(rows.shape[1], 1)):
        return products.double(), None
    scaled, scale = _scaled(rows)
    return scaled @ scaled.T, scale


def _cosines(products: torch.Tensor) -> torch.Tensor:
    """The matrix of cosines, from that of scalar products; a zero row gives NaN."""
    norm = products.diagonal().clamp_min(0).sqrt()
    return products / (norm[:, None] * norm[None, :])


def _token_gram(tensor: torch.Tensor, batch: int | None) -> torch.Tensor | None:
    """Cosines between positions: of [batch, tokens, channels], or of nodes in [nodes, channels]."""
    has_batch = batch is not None and tensor.dim() > 0 and tensor.shape[0] == batch
    if tensor.dim() == 3 and has_batch:
        rows = tensor[0]
    elif tensor.dim() == 2 and not has_batch:
        rows = tensor
    else:
        return None
    if rows.shape[0] < 2 or tensor.is_complex():
        return None
    step = max(1, rows.shape[0] // MAX_TOKENS)
    return _cosines(_products(rows[::step][:MAX_TOKENS])[0])


def mean_cosine(gram: torch.Tensor) -> float:
    """The mean cosine between two different rows, from their matrix of cosines."""
    n = gram.shape[0]
    return float((gram.sum() - gram.diagonal().sum()) / (n * (n - 1)))


def effective_rank(gram: torch.Tensor) -> float:
    """exp of the entropy of the normalised eigenvalues (Roy and Vetterli 2007, definition 1).

    Between 1 (all rows parallel) and the number of rows (all orthogonal, of the same length).
    """
    if not bool(torch.isfinite(gram).all()):
        return float("nan")
    p = torch.linalg.eigvalsh(gram).clamp_min(0)
    p = p / p.sum()
    return float(torch.exp(-(p * p.clamp_min(1e-300).log()).sum()))
