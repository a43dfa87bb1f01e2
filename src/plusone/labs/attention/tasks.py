"""What is read and written: letters backwards, or German captions in English."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from plusone.labs.data.texts import multi30k

PAD, START, END, UNKNOWN = range(4)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NUM_WORDS = 2000
"""The most frequent words of each language; the rest are one."""
BATCH, FEW = 64, 32
"""Sentences and rows of letters in a batch."""

Pair = tuple[Tensor, Tensor]


class Batches:
    """Batches of pairs of sentences, the sources of a batch equally long: indexed as one tensor.

    `batches[index]` with an index of one number is that batch, so that a training loop that draws
    samples draws batches.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self.pairs = list(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: Tensor) -> Pair:
        return self.pairs[int(index)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`train` and `test`; `edges` divide the lengths of sources into classes, both ends included.

    `source_words` and `target_words` are the names of the tokens.
    """

    train: Batches
    test: Batches
    edges: tuple[tuple[int, int], ...]
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    references: tuple[tuple[str, ...], ...] = ()
    has_unit_embeddings: bool = False


@cache
def task_of(name: str) -> Task:
    """The task of that name."""
    return _backwards() if name == "backwards" else _translation()


def _backwards() -> Task:
    """Random letters, 3 to 14, to be written from the last to the first."""
    generator = torch.Generator().manual_seed(0)
    edges = ((3, 5), (6, 8), (9, 11), (12, 14))

    def batch(length: int) -> Pair:
        source = torch.randint(4, 4 + len(LETTERS), (FEW, length), generator=generator)
        ends = torch.tensor([[START], [END]]).expand(2, FEW)[..., None]
        return source, torch.cat((ends[0], source.flip(1), ends[1]), 1)

    lengths = range(edges[0][0], edges[-1][1] + 1)
    words = ("", "<", ">", "?", *LETTERS)
    return Task(
        train=Batches([batch(n) for _ in range(40) for n in lengths]),
        test=Batches([batch(n) for _ in range(2) for n in lengths]),
        edges=edges,
        source_words=words,
        target_words=words,
    )


def _translation() -> Task:
    """Multi30k; the test's references are in the order of its batches."""
    train, test = multi30k("train"), multi30k("test_2016_flickr")
    german, english = (_vocabulary(side) for side in train)
    batches = []
    for part in (train, test):
        coded = [
            ([german.get(w, UNKNOWN) for w in a], [english.get(w, UNKNOWN) for w in b])
            for a, b in zip(*part, strict=True)
        ]
        batches.append(list(_by_length(coded)))
    references = tuple(tuple(" ".join(test[1][i]) for i in rows) for _, rows in batches[1])
    return Task(
        train=Batches([pair for pair, _ in batches[0]]),
        test=Batches([pair for pair, _ in batches[1]]),
        edges=((1, 9), (10, 13), (14, 17), (18, 99)),
        source_words=("", "<", ">", "?", *german),
        target_words=("", "<", ">", "?", *english),
        references=references,
        has_unit_embeddings=True,
    )


def _vocabulary(sentences: Sequence[Sequence[str]]) -> dict[str, int]:
    counts = Counter(word for sentence in sentences for word in sentence)
    return {word: i for i, (word, _) in enumerate(counts.most_common(NUM_WORDS), start=4)}


def _by_length(
    coded: Sequence[tuple[list[int], list[int]]],
) -> list[tuple[Pair, list[int]]]:
    """Batches of at most 64 with the rows they hold, targets between start and end, padded."""
    rows: dict[int, list[int]] = defaultdict(list)
    for i, (words, _) in enumerate(coded):
        rows[len(words)].append(i)
    found = []
    for length in sorted(rows):
        for first in range(0, len(rows[length]), BATCH):
            chosen = rows[length][first : first + BATCH]
            source = torch.tensor([coded[i][0] for i in chosen])
            longest = max(len(coded[i][1]) for i in chosen)
            written = [
                [START, *coded[i][1], END] + [PAD] * (longest - len(coded[i][1])) for i in chosen
            ]
            found.append(((source, torch.tensor(written)), chosen))
    return found
