"""Second moments of tensors, sample by sample, in numbers that cannot overflow on the way."""

from __future__ import annotations

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

    The norm is accumulated in float32 at least and squared in float64, so that half precision
    and large values do not overflow.
    """
    rows = as_samples(tensor.detach(), batch)
    dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
    norm: torch.Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=dtype).double()
    return norm.square() / max(rows.shape[1], 1)


def moments(tensor: torch.Tensor, batch: int | None) -> Moments:
    """The moments of one tensor with its Gram matrices. Cost: one read for small batches."""
    tensor = tensor.detach()
    rows = as_samples(tensor, batch)
    gram = None
    square = None
    if rows.shape[0] > 1 and not tensor.is_complex():
        products = _products(rows[:MAX_SAMPLES])
        gram = _cosines(products)
        if rows.shape[0] <= MAX_SAMPLES and bool(torch.isfinite(products).all()):
            square = products.diagonal().clamp_min(0) / max(rows.shape[1], 1)
    return Moments(
        square=mean_square(tensor, batch) if square is None else square,
        numel=rows.shape[1],
        gram=gram,
        tokens=_token_gram(tensor, batch),
    )


def _products(rows: torch.Tensor) -> torch.Tensor:
    rows = rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
    return (rows @ rows.T).double()


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
    return _cosines(_products(rows[::step][:MAX_TOKENS]))


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
