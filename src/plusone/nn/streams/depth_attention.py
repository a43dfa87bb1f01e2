"""Attention residuals: each branch attends over the outputs of all branches before it.

Chen et al. 2026 (arXiv 2603.15031). With v_0 the net's first representation and v_i = f_i(h_i) the
branches' outputs, the input of branch l is (their equations 2 to 4)

    h_l = sum_i a_i v_i,    a = softmax_i(w_l . rms_norm(v_i)),

with one learned query w_l, zero at initialisation. The block form (equations 5 and 6) sums the
outputs of `block_size` branches and attends over these sums and the unfinished one.

At the start h_l is the mean of the sources, 1 / (number of sources) of what a residual net has
there. Branches that begin with a norm do not see that factor: the net is the pre-norm residual net,
and its output, which attends too, is to be normed by what follows.

The values stay as they are; only keys are normed. Norming values as well, as some code does, is no
residual net at the start. Their norm's gain is left out, as the query absorbs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from plusone.errors import InputError
from plusone.nn.streams.hyper_connection import inverse_rms


class DepthAttention(nn.Module):
    """One such attention: `forward(sources)` of tensors [..., channels], oldest first.

    A skip over all depths at once. Cost: 2 multiplications a source and channel. Sources are read
    one by one, and never stacked: what is stored for the backward pass is the sources themselves
    and a few numbers a position.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(channels))

    def weights(self, sources: Sequence[Tensor]) -> Tensor:
        """The attention a, [..., sources], of sum 1; in float32 at least.

        Raises:
            InputError: without sources, or for sources of different shapes.
        """
        shapes = {tuple(source.shape) for source in sources}
        if len(shapes) != 1:
            raise InputError(
                "Attention over depth needs 1 or more sources of one shape; got "
                f"{sorted(shapes) or 'none'}."
            )
        logits = torch.stack([(v @ self.query) * inverse_rms(v).squeeze(-1) for v in sources], -1)
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return wide.softmax(-1)

    def forward(self, sources: Sequence[Tensor]) -> Tensor:
        weights = self.weights(sources).to(sources[0].dtype).unsqueeze(-2).unbind(-1)
        total = weights[0] * sources[0]
        for weight, source in zip(weights[1:], sources[1:], strict=True):
            total = torch.addcmul(total, weight, source)
        return total

    def extra_repr(self) -> str:
        return f"channels={len(self.query)}"


class AttentionResiduals(nn.Module):
    """A stack of branches with attention residuals, full (`block_size=1`) or in blocks.

    Branches keep the shape [..., channels] and should begin with a norm; further arguments of
    `forward` go to each. Memory: `len(branches) / block_size` tensors, and the branches' own.
    """

    def __init__(
        self, branches: Iterable[nn.Module], channels: int, *, block_size: int = 1
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        if not len(self.branches):
            raise InputError("AttentionResiduals needs at least 1 branch; got none.")
        if block_size < 1:
            raise InputError(f"A block has at least 1 branch; got block_size={block_size}.")
        self.block_size = block_size
        # The first branch has one source and nothing to choose. The last attention is the output's.
        self.reads = nn.ModuleList(DepthAttention(channels) for _ in self.branches)

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """The output [..., channels], an attention over all blocks."""
        done, unfinished = [x], None
        value = x
        for index, branch in enumerate(self.branches):
            update = branch(value, *args, **kwargs)
            unfinished = update if unfinished is None else unfinished + update
            sources = [*done, unfinished]
            if (index + 1) % self.block_size == 0:
                done, unfinished = sources, None
            value = self.reads[index](sources)
        return value

    def extra_repr(self) -> str:
        return f"block_size={self.block_size}"
