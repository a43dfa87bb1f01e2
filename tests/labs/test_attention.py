"""The attention lab: nets word by word against whole, its gradients, paths and scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plusone.labs.attention.lab import best, trained
from plusone.labs.attention.nets import (
    Unrolled,
    advance,
    decay_law,
    gradient_to_first,
    net_of,
    num_parameters,
    repaired,
    sentences,
    shortest_path,
    warning,
)
from plusone.labs.attention.quality import _quality, qualities, written
from plusone.labs.attention.tasks import END, START, Batches, Task, task_of
from plusone.labs.base import RunConfig, run_lab
from plusone.nn.models import Seq2Seq

TASK = task_of("backwards")
both = pytest.mark.parametrize("has_attention", [True, False])


def net(*, has_attention: bool, width: int = 6) -> Seq2Seq:
    torch.manual_seed(0)
    return net_of(TASK, width=width, has_attention=has_attention).double()


@both
def test_a_net_unrolled_is_the_net(has_attention: bool) -> None:
    model, (source, target) = net(has_attention=has_attention), sentences(TASK, 5)
    found = Unrolled(model)(model.source_embedding(source[:, :1]), source, target)
    torch.testing.assert_close(found[:, 0], model(source, target)[:, -1], rtol=0, atol=1e-12)


@both
def test_steps_one_by_one_give_the_nets_logits(has_attention: bool) -> None:
    model, (source, target) = net(has_attention=has_attention), sentences(TASK, 4)
    memory, state = model.encoder(model.source_embedding(source))
    for t in range(4):
        logits, state = advance(model, memory, state, target[:, t : t + 1])
        torch.testing.assert_close(logits[:, 0], model(source, target)[:, t], rtol=0, atol=1e-12)


@both
def test_the_gradient_to_the_first_word_is_that_of_the_whole_net(has_attention: bool) -> None:
    model, (source, target) = net(has_attention=has_attention), sentences(TASK, 6)
    kept: list[Tensor] = []
    handle = model.source_embedding.register_forward_hook(lambda _, __, out: kept.append(out))
    last = model(source, target)[:, -1:]
    handle.remove()
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(last.shape, generator=generator, dtype=last.dtype)
    (gradient,) = torch.autograd.grad(last, kept, direction)
    expected = gradient[:, 0].square().sum(1).mean().sqrt()
    assert gradient_to_first(model, source, target) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("length", [2, 3, 7])
def test_the_way_to_the_first_word_is_long_without_attention_alone(length: int) -> None:
    pair = sentences(TASK, length)
    assert shortest_path(net(has_attention=True), *pair) == 3  # encoder, mix, head
    assert shortest_path(net(has_attention=False), *pair) == 2 * length + 1


def test_both_nets_have_the_same_number_of_parameters() -> None:
    counts = [
        num_parameters(net(has_attention=has_attention, width=64))
        for has_attention in (True, False)
    ]
    assert counts[1] / counts[0] == pytest.approx(1, abs=0.01)


def test_s106_fires_on_the_fixed_context_until_it_is_repaired() -> None:
    whole, bare = (net(has_attention=a, width=16).float() for a in (True, False))
    assert not warning(whole, TASK)
    assert warning(bare, TASK)
    mended = repaired(bare, TASK)
    assert not warning(mended, TASK)
    source, target = sentences(TASK, 5)
    torch.testing.assert_close(mended(source, target), bare(source, target), rtol=0, atol=1e-6)


def test_letters_are_to_be_written_backwards() -> None:
    source, target = TASK.train[torch.tensor([3])]
    assert torch.equal(target[:, 1:-1].flip(1), source)
    assert set(target[:, 0].tolist()) == {START}
    assert set(target[:, -1].tolist()) == {END}
    lengths = [s.shape[1] for s, _ in TASK.test.pairs]
    assert (min(lengths), max(lengths)) == (TASK.edges[0][0], TASK.edges[-1][1])


def test_what_is_written_follows_what_was_written() -> None:
    model, (source, _) = net(has_attention=True), sentences(TASK, 4)
    tokens = written(model, source, 5)
    starts = torch.full((len(source), 1), START)
    again = model(source, torch.cat((starts, tokens[:, :-1]), 1)).argmax(2)
    assert torch.equal(tokens, again)


def test_the_references_themselves_have_the_highest_bleu() -> None:
    words = ("", "<", ">", "?", "a", "dog", "runs", "on", "grass", "today")
    sentence = torch.tensor([[4, 5, 6, 7, 8, END, 9]])
    task = Task(
        train=Batches([]),
        test=Batches([(sentence[:, :5], sentence)]),
        edges=((1, 9),),
        source_words=words,
        target_words=words,
        references=(("a dog runs on grass",),),
    )
    assert _quality(task, [sentence], 1, 9) == pytest.approx(1)
    other = torch.tensor([[4, 5, 6, 9, END]])
    assert _quality(task, [other], 1, 9) < 0.6


def test_quality_is_the_share_of_tokens_right() -> None:
    model = net(has_attention=True).float()
    found = qualities(model, TASK)
    first = [
        (written(model, s, s.shape[1] + 1), t[:, 1:])
        for s, t in TASK.test.pairs
        if s.shape[1] <= TASK.edges[0][1]
    ]
    right = torch.cat([(a == b).flatten() for a, b in first]).float().mean()
    assert found[0] == pytest.approx(float(right), abs=1e-6)
    assert all(0 <= q <= 1 for q in found)


def test_after_a_short_training_attention_alone_writes_eight_letters_backwards() -> None:
    pairs = [pair for pair in TASK.train.pairs if pair[0].shape[1] == 8]
    task = replace(TASK, train=Batches(pairs), test=Batches(pairs[:1]), edges=((8, 8),))
    found = []
    for has_attention in (True, False):
        torch.manual_seed(0)
        model = net_of(TASK, width=48, has_attention=has_attention)
        trained(model, task, steps=150, rate=0.01, seed=0)
        found += qualities(model, task)
    assert found[0] > found[1] + 0.2


def test_the_better_of_two_rates_is_kept_and_the_net_itself_stays() -> None:
    pairs = [pair for pair in TASK.train.pairs if pair[0].shape[1] == 8]
    task = replace(TASK, train=Batches(pairs), test=Batches(pairs[:1]), edges=((8, 8),))
    torch.manual_seed(0)
    model = net_of(TASK, width=16, has_attention=True)
    before = [p.clone() for p in model.parameters()]
    kept, rate = best(model, task, rates=(1e-6, 0.01, 1e30), steps=20, seed=0)
    assert rate == 0.01
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(before, kept.parameters(), strict=True))


def test_the_law_of_decay_is_the_largest_eigenvalue_of_a_step() -> None:
    """dh'/dh of torch's GRU at h = 0, its numbers uniform within 0.1, by autograd."""
    torch.manual_seed(0)
    cell = torch.nn.GRUCell(300, 300, dtype=torch.float64)
    for parameter in cell.parameters():
        torch.nn.init.uniform_(parameter, -0.1, 0.1)
    h, x = torch.zeros(2, 1, 300, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda state: cell(x, state), h)
    largest = torch.linalg.eigvals(jacobian[0, :, 0]).abs().max().log10()
    assert float(largest) == pytest.approx(decay_law(300), abs=0.02)


def test_the_gradient_dies_without_attention_alone() -> None:
    pair = sentences(TASK, 24)
    whole, bare = (gradient_to_first(net(has_attention=a, width=32), *pair) for a in (True, False))
    assert bare < 1e-6 * whole


@pytest.mark.slow
@pytest.mark.lab
@pytest.mark.timeout(300)
def test_the_quick_lab_finds_that_attention_ends_the_fall_with_length(tmp_path: Path) -> None:
    found = run_lab("attention", RunConfig(folder=tmp_path))
    mean = {outcome.prediction.key: outcome.mean for outcome in found.outcomes}
    assert mean["gap"] > 0.05
    assert (mean["paths-fixed"], mean["paths-attention"]) == (2, 0)
    assert mean["warning"] == 1
