"""LAuReL: a residual connection with learned weights and a low-rank skip.

Menghani, Kumar and Kumar 2024 (arXiv 2411.07501, sections 2.1 to 2.3):

    RW:  y = a f(x) + b x,          LR:  y = f(x) + x + A B x,
    PA:  y = f(x) + x + sum_j c_j x_j  over earlier block inputs x_j.

Here the weights a and b are 2 softmax of two logits, which keeps them bounded, A B x starts at zero
(A = 0) and so do all c_j: the block starts as x + f(x).

The identity stays in the skip of LR: without it, its Jacobian has the rank of A B, as in a public
implementation.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusone.errors import InputError


class LAuReL(nn.Module):
    """A branch on [..., channels] with any of the three: `weighted`, `rank`, `num_previous`.

    `forward(x, *args, previous=(), **kwargs)`; `previous` are the inputs of `num_previous` earlier
    blocks, all else goes to the branch. Cost beyond the sum: 2 rank multiplications a channel, and
    one for each earlier input.
    """

    def __init__(
        self,
        branch: nn.Module,
        channels: int,
        *,
        weighted: bool = True,
        rank: int = 0,
        num_previous: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= rank <= channels or num_previous < 0:
            raise InputError(
                f"LAuReL takes a rank from 0 to {channels} channels and 0 or more earlier inputs; "
                f"got rank={rank}, num_previous={num_previous}."
            )
        self.branch = branch
        self.balance = nn.Parameter(torch.zeros(2)) if weighted else None
        self.down = nn.Linear(channels, rank, bias=False) if rank else None
        self.up = nn.Linear(rank, channels, bias=False) if rank else None
        self.earlier = nn.Parameter(torch.zeros(num_previous)) if num_previous else None
        if self.up is not None:
            nn.init.zeros_(self.up.weight)

    def forward(
        self, x: Tensor, *args: object, previous: Sequence[Tensor] = (), **kwargs: object
    ) -> Tensor:
        """The block's output, of x's shape.

        Raises:
            InputError: where `previous` has not `num_previous` tensors.
        """
        expected = 0 if self.earlier is None else len(self.earlier)
        if len(previous) != expected:
            raise InputError(
                f"This block takes the inputs of {expected} earlier blocks; got {len(previous)}."
            )
        skip = x
        if self.up is not None and self.down is not None:
            skip = skip + self.up(self.down(x))
        update = self.branch(x, *args, **kwargs)
        if self.balance is None:
            total: Tensor = skip + update
        else:
            of_update, of_skip = (2 * self.balance.softmax(0)).unbind()
            total = torch.addcmul(of_skip * skip, of_update, update)
        if self.earlier is not None:
            for weight, state in zip(self.earlier.unbind(), previous, strict=True):
                total = torch.addcmul(total, weight, state)
        return total
