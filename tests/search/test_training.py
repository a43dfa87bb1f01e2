"""A pattern's score: repeatable, of samples that were held out, and nothing is changed."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch
from torch import nn

from capture.fingerprint import differences, fingerprint
from plusone.errors import InputError
from plusone.search import Pattern, Training, space_of
from plusone.search.training import check_training, trained
from plusone.target.subject import Subject, subject_of
from search.nets import subject

SHORT = Training(steps=60, batch=16, learning_rate=1e-2)


def test_separable_classes_are_learned_and_the_score_is_repeatable() -> None:
    given = subject()
    before, state = fingerprint(given.model), torch.get_rng_state()
    edits = space_of(given).edits(Pattern(spans=(1,) * 5))
    first, again = (trained(given, edits, SHORT) for _ in range(2))
    assert first.score == again.score
    assert first.score > 0.7
    assert differences(before, fingerprint(given.model)) == []
    assert torch.equal(state, torch.get_rng_state())


def test_targets_that_say_nothing_are_not_learned_on_held_out_samples() -> None:
    given = subject(samples=256)
    noise = torch.randint(3, (256,), generator=torch.Generator().manual_seed(1))
    found = trained(subject_of(given.model, given.args[0], noise, given.loss_fn), (), SHORT)
    assert found.score < 0.55  # a score of samples that were trained on would be higher


def test_other_targets_are_scored_by_their_loss() -> None:
    given = subject_of(nn.Linear(4, 2), torch.ones(32, 4), torch.ones(32, 2), nn.MSELoss())
    found = trained(given, (), Training(steps=400, batch=8, learning_rate=1e-2))
    assert found.score == pytest.approx(0.0, abs=1e-3)
    assert found.score <= 0


def test_a_training_that_diverges_scores_nothing() -> None:
    given = subject()
    wild = Training(steps=60, batch=16, learning_rate=1e30)
    assert trained(given, (), wild).score == 0.0
    real = subject_of(nn.Linear(4, 2), torch.ones(32, 4), torch.ones(32, 2), nn.MSELoss())
    assert trained(real, (), wild).score == -math.inf


def test_whole_numbers_that_are_no_classes_are_scored_by_their_loss() -> None:
    counts = torch.arange(32) % 5
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))

    def squared(output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (output - targets).square().mean()

    given = subject_of(model, torch.ones(32, 4), counts, squared)
    found = trained(given, (), SHORT)
    assert (found.measure, found.score < 0) == ("-loss", True)
    wild = Training(steps=60, batch=16, learning_rate=1e30)
    assert trained(given, (), wild).score == -math.inf


def test_another_process_trains_the_same() -> None:
    given = subject()
    edits = space_of(given).edits(Pattern(spans=(0, 2, 0, 2, 1)))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(trained, given, edits, SHORT).result()
    assert found.score == trained(given, edits, SHORT).score


@pytest.mark.parametrize(
    ("given", "training", "words"),
    [
        (subject_of(nn.Linear(4, 2), torch.ones(32, 4)), SHORT, "comes without a loss"),
        (subject(samples=6), SHORT, "comes with 6 samples"),
        (subject(), Training(steps=0), "steps is 0"),
        (
            subject_of(
                nn.Linear(4, 2), torch.ones(32, 4), torch.ones(32, 2), nn.MSELoss(reduction="none")
            ),
            SHORT,
            "a step of training Linear on 16 of its samples fails",
        ),
        (subject(), Training(batch=0), "batch is 0"),
        (subject(), Training(held_out=1.0), "held_out is 1; it must lie between"),
        (subject(), Training(learning_rate=math.nan), "learning_rate is nan"),
    ],
)
def test_what_cannot_be_trained_is_refused(given: Subject, training: Training, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_training(given, training)
