"""How well a mask is found: intersection over union, and the F1 of its boundary.

torchmetrics counts the one and MONAI measures the other; they are imported at the first score.
"""

from __future__ import annotations

from statistics import fmean, harmonic_mean

import torch
from torch import Tensor, nn

from plusone.labs.base.extra import need
from plusone.target.torchvision import make_importable

TOLERANCE = 2.0


def scores(net: nn.Module, inputs: Tensor, masks: Tensor) -> tuple[float, float]:
    """IoU over all pixels, and the mean over pictures of the boundary's F1, of logits above 0."""
    found, wanted = found_by(net, inputs)[:, 0], masks[:, 0] > 0
    f1 = [boundary_f1(a, b) for a, b in zip(found, wanted, strict=True)]
    return iou(found, wanted), fmean(f1)


@torch.no_grad()
def found_by(net: nn.Module, inputs: Tensor) -> Tensor:
    """The masks that a net finds: where its logits are above 0."""
    return torch.cat([net(x) for x in inputs.split(32)]) > 0


def iou(found: Tensor, wanted: Tensor) -> float:
    """Pixels in both over pixels in either; 1 where there is none."""
    if not (found | wanted).any():
        return 1.0
    make_importable()  # torchmetrics imports torchvision
    metrics = need("torchmetrics.functional.classification")
    return float(metrics.binary_jaccard_index(found, wanted, validate_args=False))


def boundary_f1(found: Tensor, wanted: Tensor, tolerance: float = TOLERANCE) -> float:
    """The harmonic mean of two shares of boundary pixels: of the found mask's near a wanted one,
    and of the wanted mask's near a found one, near being at most `tolerance` pixels away.

    Boundaries are what an erosion takes away (Csurka et al. 2013). 1 where both masks are empty, 0
    where one is.
    """
    if not found.any() or not wanted.any():
        return float(found.any() == wanted.any())
    make_importable()  # MONAI imports torchvision
    metrics = need("monai.metrics.utils")
    edges = metrics.get_mask_edges(found, wanted, crop=False)
    far = [metrics.get_surface_distance(*pair) for pair in (edges, edges[::-1])]
    return harmonic_mean([float((each <= tolerance).double().mean()) for each in far])
