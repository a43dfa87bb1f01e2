"""How much nets of several forms amplify, beside what their blocks' Jacobians say.

Symbols: J_l [n, n] the Jacobian of block l, F_l that of its branch, beta_l = |F_l| (spectral norm).
A gain is |J v| / |v|, the mean gain |J|_F / sqrt(n) its root mean square over directions v.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plusone.labs import blockwise
from plusone.labs.data import digits
from plusone.labs.training import TrainConfig, accuracy, train
from plusone.nn.models import MLP
from plusone.nn.norms import NormName
from plusone.nn.residual import Residual
from plusone.nn.scales.rezero import ReZero


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of stack: its norm, and what its branches are multiplied by."""

    norm: NormName | None = None
    is_scaled: bool = False
    has_rezero: bool = False
    has_skips: bool = True


FORMS = {
    "residual": Form(),
    "plain": Form(has_skips=False),
    "1/sqrt(L)": Form(is_scaled=True),
    "layer norm": Form(norm="layer"),
    "batch norm": Form(norm="batch"),
    "ReZero": Form(has_rezero=True),
}
DEPTHS = (2, 4, 8, 16, 32, 64)
NUM_SAMPLES = 3
NUM_NETS = 40
COLUMNS = ("bound", "norm", "mean gain", "moments", "beta")


def depths_up_to(deepest: int) -> tuple[int, ...]:
    """The numbers of blocks of the nets at the start."""
    return tuple(depth for depth in DEPTHS if depth <= deepest)


def made(form: Form, num_blocks: int, width: int) -> MLP:
    """A net for digits of that form."""
    net = MLP(
        64,
        10,
        width=width,
        num_blocks=num_blocks,
        skips=form.has_skips,
        norm=form.norm,
        scale=num_blocks**-0.5 if form.is_scaled else None,
    )
    if form.has_rezero:
        for block in net.blocks:
            assert isinstance(block, Residual)
            block.join = ReZero()
    return net


def growth(net: MLP, *, has_skips: bool) -> dict[str, list[float]]:
    """COLUMNS in log10 (but beta), means over held-out digits, and the greatest `excess`.

    bound      sum of log10 (1 + beta_l), without skips of log10 beta_l
    norm       log10 of the spectral norm of J_L ... J_1
    mean gain  log10 of its mean gain
    moments    sum of log10 of the blocks' mean gains
    beta       mean of beta_l over blocks

    Batch norms use the statistics of the training digits at the present weights, as constants.
    """
    settle(net)
    net.double()
    with torch.no_grad():
        x = net.stem(digits().test_inputs[:NUM_SAMPLES].double())
    blocks = blockwise.jacobians(net.blocks, x)
    net.float()
    beta = spectral_norm(blocks - torch.eye(x.shape[1], dtype=x.dtype) if has_skips else blocks)
    total = blockwise.chained(blocks)
    bound = (beta + has_skips).log10().sum(0)
    norm = spectral_norm(total).log10()
    columns = (
        bound,
        norm,
        blockwise.rms_gain(total).log10(),
        blockwise.rms_gain(blocks).log10().sum(0),
        beta.mean(0),
    )
    return {
        "columns": [float(column.mean()) for column in columns],
        "excess": [float((norm - bound).max())],
        "betas": beta.mean(1).tolist(),
    }


def mean_square_over_nets(form: Form, num_blocks: int, width: int) -> float:
    """log10 of the root mean square gain of random gradients over NUM_NETS nets at the start.

    The law is of the mean over nets: ln of one net's squared gain varies by about 3 L / n.
    """
    squares = []
    for _ in range(NUM_NETS):
        net = made(form, num_blocks, width)
        with torch.no_grad():
            x = net.stem(digits().test_inputs[:8])
        out = net.blocks(x.requires_grad_())
        u = torch.randn_like(out)
        (back,) = torch.autograd.grad(out, x, u)
        squares.append(float(back.square().sum() / u.square().sum()))
    return math.log10(sum(squares) / NUM_NETS) / 2


def settle(net: MLP) -> None:
    """Evaluation mode, with batch norms that hold the statistics of all training digits."""
    with torch.random.fork_rng(devices=[]):
        torch.optim.swa_utils.update_bn([digits().inputs], net)
    net.eval()


def spectral_norm(matrices: Tensor) -> Tensor:
    found: Tensor = torch.linalg.matrix_norm(matrices, ord=2)
    return found


def scan_error(net: MLP, seed: int) -> float:
    """The mean relative difference of beta between `plusone.scan` and the dense Jacobian.

    The mean over blocks, since the scan's tolerance is of a mean error and not of the largest.
    """
    import plusone

    net.double()
    x = digits().test_inputs[:NUM_SAMPLES].double()
    report = plusone.scan(net, x, config=plusone.ScanConfig(seed=seed, samples=NUM_SAMPLES))
    found = [float(b.branch_jacobian.spectral_norm) for b in report.data.blocks if b.skip]
    with torch.no_grad():
        h = net.stem(x)
    blocks = blockwise.jacobians(net.blocks, h)
    net.float()
    assert len(found) == len(blocks)
    dense = spectral_norm(blocks - torch.eye(h.shape[1], dtype=h.dtype)).mean(1)
    return float((torch.tensor(found) / dense - 1).abs().mean())


def trained_numbers(
    name: str, num_blocks: int, width: int, steps: int, seed: int
) -> dict[str, object]:
    """The growth of a net before and after training on digits."""
    form, data = FORMS[name], digits()
    net = made(form, num_blocks, width)
    before = growth(net, has_skips=form.has_skips)
    config = TrainConfig(steps=steps, learning_rate=1e-3, optimizer="adam", clip=1.0, seed=seed)
    train(net, data.inputs, data.targets, config)
    after = growth(net, has_skips=form.has_skips)
    numbers: dict[str, object] = {
        "before": before["columns"],
        "after": after["columns"],
        "excess, trained": [*before["excess"], *after["excess"]],
        "betas": after["betas"],
        "accuracy": accuracy(net, data.test_inputs, data.test_targets),
    }
    if name == "residual":
        numbers["scan error"] = scan_error(net, seed)
    return numbers
