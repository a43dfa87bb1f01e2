"""Texts as numbers of characters."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from plusone.labs.data.located import located

NAME_LENGTH = 12
"""Longer surnames are left out."""


@cache
def shakespeare() -> tuple[Tensor, Tensor, int]:
    """The characters of Tiny Shakespeare to train on and held out (the last tenth); their kinds."""
    text = located("shakespeare").files["input.txt"].read_text(encoding="utf-8")
    kinds = sorted(set(text))
    code = {character: number for number, character in enumerate(kinds)}
    codes = torch.tensor([code[character] for character in text])
    cut = len(codes) * 9 // 10
    return codes[:cut], codes[cut:], len(kinds)


@cache
def surnames() -> tuple[dict[str, list[str]], str]:
    """Lower-case surnames of the 7 largest languages, and their characters."""
    found = {}
    for name, path in sorted(located("surnames").files.items()):
        lines = [line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
        found[name.removesuffix(".txt")] = sorted({n for n in lines if 2 <= len(n) <= NAME_LENGTH})
    largest = sorted(found, key=lambda language: -len(found[language]))[:7]
    kept = {language: found[language] for language in sorted(largest)}
    return kept, "".join(sorted({c for names in kept.values() for n in names for c in n}))
