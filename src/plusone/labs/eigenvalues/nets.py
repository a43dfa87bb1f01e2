"""A net trained on digits: the eigenvalues of its blocks' Jacobians, and what it really does."""

from __future__ import annotations

import torch

from plusone.labs import blockwise
from plusone.labs.base import Arm
from plusone.labs.data import digits
from plusone.labs.training import TrainConfig, accuracy, train
from plusone.nn.models import MLP

NUM_SAMPLES = 16


def net_numbers(arm: Arm, seed: int) -> dict[str, object]:
    """Slopes in decades a block, at the start and after training, and branch eigenvalues.

    J_l is the Jacobian of block l at a held-out digit, F_l that of its branch: J_l less I where
    there is a skip. By eigenvalues the slope is the mean of log10 of J_l's spectral radius, by
    second moments that of log10 |J_l|_F / sqrt(n), and it is measured on J_L ... J_1.
    """
    data = digits()
    num_blocks = int(arm.options["blocks"])
    has_skips = arm.name != "plain"
    net = MLP(
        data.inputs.shape[1],
        10,
        width=int(arm.options["width"]),
        num_blocks=num_blocks,
        skips=has_skips,
        scale=num_blocks**-0.5 if arm.name == "scaled residual" else None,
    )
    config = TrainConfig(
        steps=int(arm.options["steps"]), learning_rate=1e-3, optimizer="adam", clip=1.0, seed=seed
    )
    before = _spectra(net, has_skips=has_skips)
    train(net, data.inputs, data.targets, config)
    after = _spectra(net, has_skips=has_skips)
    return {
        "before": before["slopes"],
        "after": after["slopes"],
        "helped": [before["helped"], after["helped"]],
        "eigenvalues": after["eigenvalues"],
        "accuracy": accuracy(net, data.test_inputs, data.test_targets),
    }


def _spectra(net: MLP, *, has_skips: bool) -> dict[str, object]:
    """`slopes`: by spectral radii, by second moments, measured; `helped`: the share of branch
    eigenvalues that the shift takes away from zero; `eigenvalues`: [n, 2] of one sample, all
    blocks."""
    net.double()
    x = digits().test_inputs[:NUM_SAMPLES].double()
    with torch.no_grad():
        x = net.stem(x)
    blocks = blockwise.jacobians(net.blocks, x)
    net.float()
    own = torch.linalg.eigvals(blocks)
    branch = own - 1 if has_skips else own
    total = blockwise.rms_gain(blockwise.chained(blocks))
    measured = float(total.log10().mean()) / len(blocks)
    radius = float(own.abs().amax(-1).log10().mean())
    moment = float(blockwise.rms_gain(blocks).log10().mean())
    helped = float(((branch + 1).abs() > branch.abs()).double().mean())
    points = torch.view_as_real(branch[:, 0].flatten())
    return {
        "slopes": [radius, moment, measured],
        "helped": helped,
        "eigenvalues": [[round(float(v), 4) for v in point] for point in points],
    }
