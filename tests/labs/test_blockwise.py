from __future__ import annotations

import torch

from plusone.labs import blockwise
from plusone.nn.models import MLP


def stack(norm: str | None = None) -> tuple[torch.nn.Sequential, torch.Tensor]:
    net = MLP(5, 3, width=6, num_blocks=3, norm=norm).double().eval()
    return net.blocks, torch.randn(4, 6, dtype=torch.float64)


def test_the_jacobian_of_each_block_is_autograd_s_of_one_sample() -> None:
    blocks, x = stack("layer")
    found = blockwise.jacobians(blocks, x)
    behind = blockwise.states(blocks, x)
    for block, h, jacobian in zip(blocks, behind, found, strict=False):
        for sample in range(len(x)):
            dense = torch.autograd.functional.jacobian(
                lambda z, block=block: block(z[None])[0], h[sample].detach()
            )
            torch.testing.assert_close(jacobian[sample], dense, rtol=1e-12, atol=1e-12)


def test_the_blocks_jacobians_multiply_to_that_of_the_stack() -> None:
    blocks, x = stack("batch")
    found = blockwise.chained(blockwise.jacobians(blocks, x))
    dense = torch.autograd.functional.jacobian(lambda z: blocks(z[None])[0], x[1])
    torch.testing.assert_close(found[1], dense, rtol=1e-12, atol=1e-12)


def test_the_last_state_is_the_stack_s_output() -> None:
    blocks, x = stack()
    found = blockwise.states(blocks, x)
    assert len(found) == 4
    torch.testing.assert_close(found[-1], blocks(x), rtol=0, atol=0)


def test_the_rms_gain_is_the_root_mean_square_over_directions() -> None:
    a = torch.randn(7, 7, dtype=torch.float64)
    v = torch.randn(7, 200_000, dtype=torch.float64)
    v = v / v.norm(dim=0)
    by_directions = (a @ v).square().sum(0).mean().sqrt()
    torch.testing.assert_close(blockwise.rms_gain(a), by_directions, rtol=0.01, atol=0)
