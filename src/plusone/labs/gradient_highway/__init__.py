"""Lab: dL/dx = dL/dy (I + dF/dx), and what its +1 does to the gradient at the first layers."""

from plusone.labs.gradient_highway.lab import LAB

__all__ = ["LAB"]
