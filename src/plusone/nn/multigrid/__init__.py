"""A multigrid solver as a network: the V-cycle, which is a U-Net whose skips keep u and f."""

from plusone.nn.multigrid.solution import Solution
from plusone.nn.multigrid.vcycle import POISSON, VCycle

__all__ = ["POISSON", "Solution", "VCycle"]
