"""Boosting proper: blocks trained one after another, and trees of the same size."""

from __future__ import annotations

import copy

import torch
from torch import nn

from plusone.labs.base.extra import need
from plusone.labs.data import Split
from plusone.labs.training import TrainConfig, accuracy, mean_loss, train
from plusone.nn.init.initialize import initialize_
from plusone.nn.models import MLP

LEAVES = 31


def block_by_block(
    net: MLP, data: Split, config: TrainConfig, *, from_identity: bool = True
) -> dict[str, list[float]]:
    """Training loss and test accuracy behind the stem and behind each block, trained in this order.

    Each block learns with a head of its own on what the blocks before it, now fixed, hand on. As
    Huang et al. 2018 (algorithm 1), but with cross-entropy instead of weighted samples; the heads
    but the last are thrown away, as theirs are. A head starts as the one before, and a block
    `from_identity` as the identity, so that it has only to improve: one that starts at random
    disturbs the stream more than a short training mends.
    """
    if from_identity:
        initialize_(net, "zero_last")
    losses, accuracies = [], []
    stream, test = data.inputs, data.test_inputs
    head = nn.Linear(net.head.in_features, net.head.out_features)
    for part in (net.stem, *net.blocks):
        head = copy.deepcopy(head)
        learner = nn.Sequential(part, head)
        train(learner, stream, data.targets, config)
        losses.append(mean_loss(learner, stream, data.targets))
        accuracies.append(accuracy(learner, test, data.test_targets))
        part.eval()
        with torch.no_grad():
            stream, test = part(stream), part(test)
    return {"losses": losses, "accuracies": accuracies}


def num_rounds(num_parameters: int, num_classes: int) -> int:
    """Rounds of boosting after which trees hold as many numbers as a net: each round has a tree a
    class, each tree a value a leaf and a feature with a threshold a split."""
    return max(1, round(num_parameters / (num_classes * (LEAVES + 2 * (LEAVES - 1)))))


def boosted_trees(data: Split, rounds: int, seed: int) -> float:
    """The test accuracy of gradient-boosted trees; each split sees half of the features."""
    limit = need("threadpoolctl").threadpool_limits
    ensemble = need("sklearn.ensemble").HistGradientBoostingClassifier(
        max_iter=rounds,
        max_leaf_nodes=LEAVES,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )
    with limit(1):
        ensemble.fit(data.inputs.numpy(), data.targets.numpy())
        return float(ensemble.score(data.test_inputs.numpy(), data.test_targets.numpy()))
