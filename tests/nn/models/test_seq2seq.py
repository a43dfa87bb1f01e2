"""Sequence to sequence: attention and its mask, the loop against torch's layer, bad input."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

import plusone
from plusone.errors import InputError
from plusone.nn.models import AdditiveAttention, GeneralAttention, Seq2Seq

LENGTHS = torch.tensor([7, 3, 5, 1])
MASK = torch.arange(7) < LENGTHS[:, None]


def model(cell: str = "lstm", attention: str | None = "additive") -> Seq2Seq:
    """One with weights far from the start, where additive attention would be uniform."""
    found = Seq2Seq(11, 13, width=8, cell=cell, attention=attention).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return found


def tokens() -> tuple[Tensor, Tensor]:
    return torch.randint(11, (4, 7)), torch.randint(13, (4, 5))


CELLS = pytest.mark.parametrize("cell", ["lstm", "gru"])
ATTENTIONS = pytest.mark.parametrize("attention", ["additive", "general"])


@CELLS
@ATTENTIONS
def test_attention_sums_to_1_and_is_0_where_masked(cell: str, attention: str) -> None:
    weights = model(cell, attention).attend(*tokens(), MASK).detach()
    assert weights.shape == (4, 5, 7)
    torch.testing.assert_close(weights.sum(2), torch.ones(4, 5, dtype=torch.float64))
    assert float(weights[~MASK[:, None].expand_as(weights)].abs().max()) == 0
    assert float((weights[0].max(1).values - weights[0].min(1).values).min()) > 1e-3


@CELLS
@pytest.mark.parametrize("attention", ["additive", "general", None])
def test_masked_tokens_of_the_source_have_no_effect(cell: str, attention: str | None) -> None:
    net = model(cell, attention)
    source, target = tokens()
    other = torch.where(MASK, source, (source + 3) % 11)
    assert torch.equal(net(source, target, MASK), net(other, target, MASK))
    # Each row is what the model says of its real tokens alone.
    logits = net(source, target, MASK)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = net(source[row : row + 1, :length], target[row : row + 1])
        torch.testing.assert_close(logits[row : row + 1], alone)


@CELLS
@pytest.mark.parametrize("attention", ["additive", "general", None])
def test_a_step_sees_the_target_up_to_it_and_no_further(cell: str, attention: str | None) -> None:
    net = model(cell, attention)
    source, target = tokens()
    changed = target.clone()
    changed[:, 3:] = (target[:, 3:] + 1) % 13
    one, two = net(source, target), net(source, changed)
    torch.testing.assert_close(one[:, :3], two[:, :3], rtol=0, atol=1e-12)
    assert float((one[:, 3:] - two[:, 3:]).detach().abs().min()) > 0


def test_additive_attention_is_its_formula() -> None:
    attention = AdditiveAttention(4).double()
    with torch.no_grad():
        attention.score.weight.normal_()
    state = torch.randn(2, 4, dtype=torch.float64)
    memory = torch.randn(2, 3, 4, dtype=torch.float64)
    w, u, v = (p.weight for p in (attention.ask, attention.answer, attention.score))
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for n in range(2):
        for j in range(3):
            expected[n, j] = v[0] @ torch.tanh(w @ state[n] + u @ memory[n, j])
    found = attention(state, attention.keys(memory))
    torch.testing.assert_close(found, expected.softmax(1))


def test_general_attention_is_its_formula() -> None:
    attention = GeneralAttention(4).double()
    states = torch.randn(2, 5, 4, dtype=torch.float64)
    memory = torch.randn(2, 3, 4, dtype=torch.float64)
    scores = torch.einsum("nti,ij,nsj->nts", states, attention.answer.weight, memory)
    torch.testing.assert_close(attention(states, memory), scores.softmax(2))


@CELLS
def test_the_step_by_step_loop_is_torchs_layer_where_the_context_is_not_read(cell: str) -> None:
    """With zero weights for the context, the loop must be the decoder run on the embeddings."""
    net = model(cell, "additive")
    with torch.no_grad():
        net.decoder.weight_ih_l0[:, 8:].zero_()
    source, target = tokens()
    memory, state = net._encode(net.source_embedding(source), None)
    embedded = net.target_embedding(target)
    states, _ = net.decoder(torch.cat((embedded, torch.zeros_like(embedded)), 2), state)
    torch.testing.assert_close(net(source, target), net.head(states))
    assert memory.shape == (4, 7, 8)


def test_additive_attention_starts_uniform_as_in_bahdanaus_appendix() -> None:
    net = Seq2Seq(11, 13, width=8)
    weights = net.attend(*tokens()).detach()
    torch.testing.assert_close(weights, torch.full((4, 5, 7), 1 / 7))
    gate = net.encoder.weight_hh_l0.detach()[:8]
    torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)


@CELLS
def test_without_attention_nothing_but_attention_is_missing(cell: str) -> None:
    shapes = [
        {n: p.shape for n, p in model(cell, attention).named_parameters()}
        for attention in (None, "general")
    ]
    assert shapes[0].items() <= shapes[1].items()
    assert {n.split(".")[0] for n in shapes[1].keys() - shapes[0].keys()} == {"general", "mix"}


@CELLS
def test_a_scan_finds_a_skip_of_attention_for_each_read_of_the_source(cell: str) -> None:
    """Luong's reads the source once for all steps, Bahdanau's once for each of 5."""
    for attention, count in ((None, 0), ("general", 1), ("additive", 5)):
        report = plusone.scan(model(cell, attention).float(), tokens(), quick=True)
        kinds = Counter(skip.kind for skip in report.data.structure.skips)
        assert kinds["attention"] == count


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Seq2Seq(5, 5, cell="rnn"), "cell is 'rnn'; it must be one of lstm, gru"),
        (lambda: Seq2Seq(5, 5, attention="dot"), "attention is 'dot'; it must be additive, gene"),
        (lambda: model()(tokens()[0].float(), tokens()[1]), "source tokens .* type torch.float32"),
        (lambda: model()(tokens()[0] + 9, tokens()[1]), "source tokens .* from 0 to 10; got"),
        (lambda: model()(tokens()[0][:2], tokens()[1]), "come in pairs; got 2 and 4"),
        (lambda: model()(*tokens(), MASK.float()), "source_mask is a bool tensor of the source's"),
        (lambda: model()(*tokens(), MASK.flip(1)), "padding comes behind"),
        (lambda: model()(*tokens(), MASK & False), "True for at least the first token"),
        (lambda: model(attention=None).attend(*tokens()), "built with attention=None"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]
