"""Makes torchvision importable beside a CPU torch, before any test imports it."""

from __future__ import annotations

from plusone.target.torchvision import make_importable

make_importable()
