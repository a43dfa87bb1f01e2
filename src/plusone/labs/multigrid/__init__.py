"""Lab: a V-cycle is a U-Net whose long skips keep u and f, and a net that trains."""

from plusone.labs.multigrid.lab import LAB

__all__ = ["LAB"]
