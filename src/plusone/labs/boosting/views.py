"""What boosting would have a net do, block by block: follow the gradient, and answer better.

h_l is the state behind block l (h_0 behind the stem), L the loss of the final head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from plusone.labs import blockwise
from plusone.labs.base.extra import need
from plusone.labs.data import Split
from plusone.nn.models import MLP


def views(net: MLP, data: Split) -> dict[str, list[float]]:
    """For each block `cosines`; for the stem and each block `exits` and `probes`.

    Batch norms as in evaluation, on the held-out samples, in float64.
    """
    net.double().eval()
    test, classes = data.test_inputs.double(), data.test_targets
    behind = blockwise.states(net.blocks, net.stem(test))
    found = {"cosines": cosines(net, behind, classes)}
    with torch.no_grad():
        train = blockwise.states(net.blocks, net.stem(data.inputs.double()))
        found["exits"] = [float(F.cross_entropy(net.head(h), classes)) for h in behind]
    found["probes"] = [
        probe((h, data.targets), (t.detach(), classes)) for h, t in zip(train, behind, strict=True)
    ]
    net.float()
    return found


def cosines(net: MLP, behind: Sequence[Tensor], classes: Tensor) -> list[float]:
    """The mean over samples of cos(h_l - h_(l-1), -dL/dh_(l-1)), block by block.

    For a residual block the update h_l - h_(l-1) is F(h_(l-1)).
    """
    loss = F.cross_entropy(net.head(behind[-1]), classes, reduction="sum")
    gradients = torch.autograd.grad(loss, behind[:-1], retain_graph=True)
    found = []
    for before, after, gradient in zip(behind[:-1], behind[1:], gradients, strict=True):
        update = (after - before).detach()
        found.append(float(F.cosine_similarity(update, -gradient, dim=1, eps=1e-300).mean()))
    return found


def probe(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> float:
    """The test accuracy of ridge regression on one-hot classes from standardised states."""
    mean, deviation = train[0].mean(0), train[0].std(0) + 1e-6
    ready = [((h - mean) / deviation).numpy() for h, _ in (train, test)]
    fitted = need("sklearn.linear_model").RidgeClassifier(alpha=1.0).fit(ready[0], train[1].numpy())
    return float(fitted.score(ready[1], test[1].numpy()))
