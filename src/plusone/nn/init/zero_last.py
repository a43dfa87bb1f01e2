"""The last layer of each branch at zero, so that every block is its skip at the start.

For a batch norm that ends a branch: Goyal et al. 2017 (arXiv 1706.02677, section 5.1, "zero
gamma"); for a linear layer or a convolution, rule 1 of Fixup.
"""

from __future__ import annotations

from plusone.nn.init.branches import Branches
from plusone.nn.init.draws import zeroed
from plusone.nn.init.report import Touched


def zero_last(branches: Branches) -> list[Touched]:
    """Zeros in the last layers of all branches."""
    return [t for branch in branches.found for layer in branch.last for t in zeroed(layer)]
