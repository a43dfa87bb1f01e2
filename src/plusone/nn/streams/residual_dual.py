"""ResiDual: a post-norm stream that blocks read, and a pre-norm one that the output reads.

Xie et al. 2023 (arXiv 2304.14802, section 3.1). With branches f_k and norms N_k,

    x_(k+1) = N_k(x_k + f_k(x_k)),    d_(k+1) = d_k + f_k(x_k),    y = x_L + N(d_L),   d_0 = x_0

so that gradients reach each branch through d without passing a norm of another block, and
representations do not collapse as pre-norm's do, whose late blocks add little to a large stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from plusone.errors import InputError


class ResiDual(nn.Module):
    """A stack of branches that keep x's shape; `norm` makes one norm a branch and the last.

    Memory: one stream more than a post-norm stack's.
    """

    def __init__(self, branches: Iterable[nn.Module], norm: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        if not len(self.branches):
            raise InputError("ResiDual needs at least 1 branch; got none.")
        self.norms = nn.ModuleList(norm() for _ in self.branches)
        self.last_norm = norm()

    def forward(self, x: Tensor, *args: object, **kwargs: object) -> Tensor:
        """The output, of x's shape; further arguments go to each branch."""
        dual = x
        for branch, norm in zip(self.branches, self.norms, strict=True):
            update = branch(x, *args, **kwargs)
            dual = dual + update
            x = norm(x + update)
        total: Tensor = x + self.last_norm(dual)
        return total
