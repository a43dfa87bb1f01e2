"""How well sentences are written: tokens right, or BLEU, by the length of the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from plusone.labs.attention.nets import advance
from plusone.labs.attention.tasks import END, START, Task
from plusone.labs.base.extra import need
from plusone.nn.models import Seq2Seq

LONGER = 10
"""By how many words a translation may be longer than its source."""


def qualities(net: Seq2Seq, task: Task) -> list[float]:
    """One number for each class of lengths, between 0 and 1: the share of tokens right of those
    written without help or, where there are references, BLEU / 100 (sacrebleu, words as given)."""
    net.eval()
    found = [written(net, source, _most(task, source)) for source, _ in task.test.pairs]
    return [_quality(task, found, first, last) for first, last in task.edges]


def _most(task: Task, source: Tensor) -> int:
    return source.shape[1] + (LONGER if task.references else 1)


def _quality(task: Task, found: list[Tensor], first: int, last: int) -> float:
    chosen = [i for i, (s, _) in enumerate(task.test.pairs) if first <= s.shape[1] <= last]
    if not task.references:
        pairs = [(found[i], task.test.pairs[i][1][:, 1:]) for i in chosen]
        return sum(int((a == b).sum()) for a, b in pairs) / sum(b.numel() for _, b in pairs)
    texts = [_text(task, row) for i in chosen for row in found[i].tolist()]
    wanted = [text for i in chosen for text in task.references[i]]
    bleu = need("sacrebleu").corpus_bleu(texts, [wanted], tokenize="none", force=True)
    return float(bleu.score) / 100


def _text(task: Task, tokens: list[int]) -> str:
    end = tokens.index(END) if END in tokens else len(tokens)
    return " ".join(task.target_words[token] for token in tokens[:end])


@torch.no_grad()
def written(net: Seq2Seq, source: Tensor, most: int) -> Tensor:
    """The likeliest word at each step, up to `most` words: [N, most]."""
    memory, state = net.encoder(net.source_embedding(source))
    token = torch.full((len(source), 1), START)
    tokens = []
    for _ in range(most):
        logits, state = advance(net, memory, state, token)
        token = logits.argmax(2)
        tokens.append(token)
    return torch.cat(tokens, 1)


@torch.no_grad()
def alignment(net: nn.Module, task: Task, *, batch: int) -> dict[str, object]:
    """The attention of the first pair of a batch, its words beside it: [target, source]."""
    assert isinstance(net, Seq2Seq)
    source, target = task.test.pairs[batch]
    weights = net.attend(source[:1], target[:1, :-1])[0]
    end = target[0].tolist().index(END)
    return {
        "weights": (weights[:end] * 1000).round() / 1000,
        "read": [task.source_words[i] for i in source[0].tolist()],
        "written": [task.target_words[i] for i in target[0, 1 : end + 1].tolist()],
    }
