"""Admin: omega is the sum of the variances before it; a step grows with the depth's logarithm."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import is_unchanged, state
from nn.nets import mlp
from plusone.errors import InputError
from plusone.nn import AdminScale, Residual, initialize_
from plusone.testing import first_update

WIDTH = 64


def net(depth: int, width: int = WIDTH) -> nn.Sequential:
    return nn.Sequential(
        *(
            Residual(
                mlp(width, 2),
                norm=nn.LayerNorm(width),
                placement="post",
                scale=AdminScale(width),
                drop=0.1,
            )
            for _ in range(depth)
        )
    )


@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
def test_omega_squared_is_the_sum_of_variances_before_it_over_that_of_its_skip(size: float) -> None:
    """The reference runs the net by hand in float64 with omega = 1 everywhere."""
    blocks, x = net(6), size * torch.randn(32, WIDTH)
    with torch.no_grad():
        for block in blocks:
            block.join.omega.fill_(3.0)  # whatever stands there does not count
            block.post_norm.weight.mul_(1.5)
    expected, stream, total = [], x.double(), float(x.double().var())
    blocks.requires_grad_(False)
    for block in blocks:
        branch = block.branch.double()(stream)
        expected.append(math.sqrt(total / float(stream.var())))
        total += float(branch.var())
        stream = block.post_norm.double()(stream + branch)
        block.float()
    report = initialize_(blocks, "admin", inputs=x)
    for block, omega, touched in zip(blocks, expected, report.touched, strict=True):
        assert (block.join.omega == block.join.omega[0]).all()
        assert block.join.omega[0].item() == pytest.approx(omega, rel=1e-4)
        assert touched.factor == pytest.approx(omega, rel=1e-4)
    assert expected[0] == 1
    assert [t.name for t in report.touched] == [f"{n}.join.omega" for n in range(6)]


def test_for_normed_inputs_it_is_the_papers_formula() -> None:
    """Equation of section 4.2: omega_i^2 = sum over j < i of Var f_j, x_0's own being 1 here."""
    blocks = net(5)
    x = nn.functional.layer_norm(torch.randn(64, WIDTH), (WIDTH,))
    variances = []
    for block in blocks:
        block.branch.register_forward_hook(
            lambda m, a, y: variances.append(float(y.detach().var()))
        )
    initialize_(blocks, "admin", inputs=x)
    variances = variances[-5:]
    for number, block in enumerate(blocks):
        omega = math.sqrt(1 + sum(variances[:number]))
        assert block.join.omega[0].item() == pytest.approx(omega, rel=2e-3)


def test_the_order_is_that_of_the_calls_and_not_of_registration() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = net(3)

        def forward(self, x: Tensor) -> Tensor:
            for block in reversed(self.blocks):
                x = block(x)
            return x

    model = Backwards()
    initialize_(model, "admin", inputs=torch.randn(16, WIDTH))
    omegas = [block.join.omega[0].item() for block in model.blocks]
    assert omegas[2] == 1
    assert omegas[0] > omegas[1] > omegas[2]


def test_nothing_but_omega_changes_and_blocks_of_equal_variance_are_kept_apart() -> None:
    blocks = net(2)
    blocks[1].branch.load_state_dict(blocks[0].branch.state_dict())
    before, random = state(blocks), torch.get_rng_state()
    blocks.train()
    initialize_(blocks, "admin", inputs=torch.randn(16, WIDTH, generator=torch.Generator()))
    assert blocks.training
    assert torch.equal(random, torch.get_rng_state())
    assert not any(block.join._forward_pre_hooks for block in blocks)
    changed = {n for n, p in blocks.state_dict().items() if not torch.equal(p, before[n])}
    assert changed == {"1.join.omega"}


def updated(model: nn.Module) -> list[Tensor]:
    return [m.weight for m in model.modules() if isinstance(m, nn.Linear)]


def change(depth: int, *, is_admin: bool) -> float:
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = net(depth).eval()
        for layer in updated(model):
            nn.init.xavier_normal_(layer)
        x = torch.randn(32, WIDTH)
        if is_admin:
            initialize_(model, "admin", inputs=x)
        found.append(first_update(model, (x,), parameters=updated, rate=1e-4))
    return sum(found) / len(found)


def test_one_step_grows_as_the_logarithm_where_post_norms_grows_as_depth() -> None:
    depths = (6, 24, 96)
    ours = [change(depth, is_admin=True) for depth in depths]
    post = [change(depth, is_admin=False) for depth in depths]
    # a + b ln L: each factor of 4 adds the same; post-norm's multiplies.
    assert (ours[2] - ours[1]) / (ours[1] - ours[0]) < 2
    assert (post[2] - post[1]) / (post[1] - post[0]) > 4
    assert post[2] / post[0] > 8 * ours[2] / ours[0]


def shared_scale() -> nn.Sequential:
    blocks = net(2)
    blocks[1].join = blocks[0].join
    return blocks


def dead_branch() -> nn.Sequential:
    blocks = net(2)
    nn.init.zeros_(blocks[1].branch[2].weight)
    nn.init.zeros_(blocks[1].branch[2].bias)
    return blocks


class Skipping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = net(2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks[0](x)
        return out


def other_scale() -> nn.Sequential:
    plain = Residual(mlp(WIDTH, 2), norm=nn.LayerNorm(WIDTH), placement="post")
    return nn.Sequential(*net(1), plain)


def twice() -> nn.Sequential:
    (block,) = net(1)
    return nn.Sequential(block, block)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (shared_scale, "admin sets one omega a block, and 2 blocks share 1 AdminScale"),
        (dead_branch, "at 1 the variances of skip and branch are .* and 0"),
        (Skipping, "blocks.1.branch.0, blocks.1.branch.2 did not run on these inputs"),
        (other_scale, "admin scales the skip in front of a post-norm, and 1 is no"),
        (twice, "derived for branches with weights of their own, and these run more than once: 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_omega_stays(build: object, message: str) -> None:
    assert callable(build)
    model = build()
    for module in model.modules():
        if isinstance(module, AdminScale):
            nn.init.constant_(module.omega, 3.0)
    before = state(model)
    with pytest.raises(InputError, match=message):
        initialize_(model, "admin", inputs=torch.randn(8, WIDTH))
    assert is_unchanged(model, before)


def test_it_needs_inputs() -> None:
    with pytest.raises(
        InputError, match="admin measures the variance of each branch: give inputs="
    ):
        initialize_(net(2), "admin")
