"""Lab: what skips do to the loss surface, at equal loss and at equal training."""

from plusone.labs.loss_surface.lab import LAB

__all__ = ["LAB"]
