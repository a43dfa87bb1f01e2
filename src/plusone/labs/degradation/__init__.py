"""Lab: deeper plain nets train worse, though a solution is there; deeper residual nets do not."""

from plusone.labs.degradation.lab import LAB

__all__ = ["LAB"]
