"""Lab: a decoder loses the edges; the long skips of a U-Net bring them, the finest nearly all."""

from plusone.labs.unet.lab import LAB

__all__ = ["LAB"]
