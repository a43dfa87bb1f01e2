"""A projection that starts at zero: a skip through it changes nothing until it has learned.

The idea of ReZero (Bachlechner et al. 2020, arXiv 2003.04887) for a whole map, as in the zero
convolutions of ControlNet (Zhang et al. 2023, arXiv 2302.05543).
"""

from __future__ import annotations

from torch import nn

from plusone.nn.skips.projection import ConvProjection


class ZeroProjection(ConvProjection):
    """A 1x1 convolution without bias whose weights are zero at first."""

    def __init__(self, num_inputs: int, num_outputs: int, *, num_axes: int = 2) -> None:
        super().__init__(num_inputs, num_outputs, num_axes=num_axes)
        nn.init.zeros_(self.conv.weight)
