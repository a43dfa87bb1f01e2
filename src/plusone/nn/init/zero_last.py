"""The last layer of each branch at zero, so that every block is its skip at the start.

For a batch norm that ends a branch: Goyal et al. 2017 (arXiv 1706.02677, section 5.1, "zero
gamma"); for a linear layer or a convolution, rule 1 of Fixup. A bias behind it is zero too.

Test: each block of a traced ResNet and of a transformer is its skip, bit by bit.
"""

from __future__ import annotations

from plusone.errors import InputError
from plusone.nn.init.branches import Branches
from plusone.nn.init.draws import zeroed
from plusone.nn.init.layers import Layer
from plusone.nn.init.report import Touched


def zero_last(branches: Branches) -> list[Touched]:
    """Zeros in the layers that close each branch.

    Raises:
        InputError: a branch ends in what no parameter makes zero, or nothing tells.
    """
    for branch in branches.found:
        if not branch.closing:
            last = branch.layers[-1]
            hint = "" if branches.order == "traced" else " End it with a linear layer or a norm."
            raise InputError(
                f"zero_last: no layer of {branch.label} is known to make its branch zero and to "
                "get a gradient there, as behind a ReLU; its last is "
                f"{last.name or 'the model'} ({type(last.module).__name__}).{hint}"
            )
    closing: dict[object, Layer] = {}
    for layer in (layer for branch in branches.found for layer in branch.closing):
        closing.setdefault((layer.module, layer.own), layer)
    return [touched for layer in closing.values() for touched in zeroed(layer)]
