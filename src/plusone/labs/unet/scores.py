"""How well a mask is found: intersection over union, and the F1 of its boundary.

torchmetrics and MONAI compute both and are what the tests compare with; they take eight seconds to
import, a fifth of what the lab's quick mode may take.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from plusone.labs.base.extra import need

TOLERANCE = 2.0


def scores(net: nn.Module, inputs: Tensor, masks: Tensor) -> tuple[float, float]:
    """IoU over all pixels, and the mean over pictures of the boundary's F1, of logits above 0."""
    with torch.no_grad():
        found = torch.cat([net(x) for x in inputs.split(32)]).numpy()[:, 0] > 0
    wanted = masks.numpy()[:, 0] > 0
    f1 = [boundary_f1(a, b) for a, b in zip(found, wanted, strict=True)]
    return iou(found, wanted), float(np.mean(f1))


def iou(found: np.ndarray, wanted: np.ndarray) -> float:
    """Pixels in both over pixels in either; 1 where there is none."""
    either = int((found | wanted).sum())
    return float((found & wanted).sum() / either) if either else 1.0


def boundary_f1(found: np.ndarray, wanted: np.ndarray, tolerance: float = TOLERANCE) -> float:
    """The harmonic mean of two shares of boundary pixels: of the found mask's near a wanted one,
    and of the wanted mask's near a found one, near being at most `tolerance` pixels away.

    Boundaries are what an erosion takes away (Csurka et al. 2013; MONAI's surface distance). 1
    where both are empty, 0 where one is.
    """
    ndimage = need("scipy.ndimage")
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (found, wanted)]
    if not edges[0].any() or not edges[1].any():
        return float(edges[0].any() == edges[1].any())
    far = [ndimage.distance_transform_edt(~edge) for edge in edges]
    precision = (far[1][edges[0]] <= tolerance).mean()
    recall = (far[0][edges[1]] <= tolerance).mean()
    both = precision + recall
    return float(2 * precision * recall / both) if both else 0.0
