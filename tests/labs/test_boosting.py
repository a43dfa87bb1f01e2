from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from plusone.labs import blockwise
from plusone.labs.base import Arm, Plan
from plusone.labs.boosting import LAB
from plusone.labs.boosting.ensembles import block_by_block, boosted_trees, num_rounds
from plusone.labs.boosting.views import cosines, probe, views
from plusone.labs.data import Split, digits
from plusone.labs.training import TrainConfig, accuracy, mean_loss
from plusone.nn.models import MLP

from support.reduced_lab import means, run_plan, verdicts


def small(num_samples: int = 200) -> Split:
    return Split(*(part[:num_samples] for part in digits()))


def test_cosines_are_those_of_each_sample_s_own_gradient() -> None:
    data = small(5)
    net = MLP(64, 10, width=12, num_blocks=3, norm="batch").double().eval()
    x, classes = data.test_inputs[:5].double(), data.test_targets[:5]
    found = cosines(net, blockwise.states(net.blocks, net.stem(x)), classes)
    for block in range(3):
        expected = []
        for sample in range(5):
            h = net.blocks[:block](net.stem(x[sample : sample + 1])).detach().requires_grad_()
            loss = F.cross_entropy(net.head(net.blocks[block:](h)), classes[sample : sample + 1])
            (gradient,) = torch.autograd.grad(loss, h)
            update = net.blocks[block].branch(net.blocks[block].pre_norm(h))
            expected.append(float(F.cosine_similarity(update.detach(), -gradient)))
        assert found[block] == pytest.approx(sum(expected) / 5, abs=1e-12)


def test_a_last_block_that_steps_down_the_gradient_has_cosine_one() -> None:
    class Descent(torch.nn.Module):
        def __init__(self, head: torch.nn.Linear, classes: torch.Tensor) -> None:
            super().__init__()
            self.head, self.classes = [head], classes

        def forward(self, h: torch.Tensor) -> torch.Tensor:
            here = h.detach().requires_grad_()
            loss = F.cross_entropy(self.head[0](here), self.classes, reduction="sum")
            return h - 1e-6 * torch.autograd.grad(loss, here)[0]

    data = small(20)
    net = MLP(64, 10, width=12, num_blocks=2).double()
    net.blocks[1] = Descent(net.head, data.test_targets)
    behind = blockwise.states(net.blocks, net.stem(data.test_inputs.double()))
    assert cosines(net, behind, data.test_targets)[1] == pytest.approx(1, abs=1e-6)


def test_the_last_exit_is_the_net_s_own_loss() -> None:
    data = small()
    net = MLP(64, 10, width=12, num_blocks=2, norm="batch")
    found = views(net, data)
    expected = mean_loss(net, data.test_inputs, data.test_targets)
    assert found["exits"][-1] == pytest.approx(expected, rel=1e-5)
    assert [len(found[key]) for key in ("cosines", "exits", "probes")] == [2, 3, 3]


def test_a_probe_reads_what_is_linear_and_nothing_from_noise() -> None:
    classes = torch.arange(400) % 4
    h = F.one_hot(classes).double() + 0.1 * torch.randn(400, 4, dtype=torch.float64)
    assert probe((h[:200], classes[:200]), (h[200:], classes[200:])) == 1.0
    noise = torch.randn(400, 4, dtype=torch.float64)
    assert probe((noise[:200], classes[:200]), (noise[200:], classes[200:])) < 0.4


def test_blocks_trained_one_after_another_hand_on_what_they_have_learnt() -> None:
    data = small()
    net = MLP(64, 10, width=16, num_blocks=2, norm="batch")
    before = [parameter.clone() for parameter in net.parameters()]
    config = TrainConfig(steps=150, learning_rate=3e-3, optimizer="adam")
    found = block_by_block(net, data, config)
    assert len(found["losses"]) == len(found["accuracies"]) == 3
    assert found["losses"][-1] < found["losses"][0]
    changed = [not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert changed == [not name.startswith("head") for name, _ in net.named_parameters()]
    assert accuracy(net, data.test_inputs, data.test_targets) < max(found["accuracies"])


def test_trees_have_as_many_numbers_as_the_net() -> None:
    assert num_rounds(91_000, 10) == 100  # 31 values, 30 features and 30 thresholds a tree


def test_more_rounds_of_trees_do_better_and_the_seed_fixes_them() -> None:
    data = small()
    assert boosted_trees(data, 2, 0) == boosted_trees(data, 2, 0)
    assert boosted_trees(data, 12, 0) > boosted_trees(data, 1, 0)


@pytest.mark.slow
@pytest.mark.lab
def test_residual_blocks_follow_the_gradient_and_plain_ones_do_not() -> None:
    options = {"width": 32, "blocks": 6, "steps": 150}
    names = ("residual", "plain", "untrained", "block by block", "trees")
    arms = [Arm(name=name, options=options) for name in names[:3]]
    arms.append(Arm(name="block by block", options={**options, "steps": 40}))
    arms.append(Arm(name="trees", options={"width": 8, "blocks": 2, "steps": 0}))
    result = run_plan(LAB, Plan(arms=tuple(arms), seeds=(0,), data=("digits",)))
    found = verdicts(result)
    assert found["aligned"] == found["aligned-plain"] == "holds"
    assert found["probe-rises"] == "holds"
    assert means(result)["exit-falls"] > means(result)["exit-plain"]
    assert result.effects[0].difference > 0.1
