"""Texts as numbers of characters, as names and as sentences of words."""

from __future__ import annotations

import gzip
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


@cache
def multi30k(part: str) -> tuple[list[list[str]], list[list[str]]]:
    """Captions of pictures in German and the same in English, as lower-case words.

    `part` is "train" (29,000), "val" (1,014) or "test_2016_flickr" (1,000) (Elliott et al. 2016).
    """
    found = located("multi30k")
    languages = []
    for language in ("de", "en"):
        name = f"{part}.lc.norm.tok.{language}"
        if found.is_download:
            text = found.files[name].read_text(encoding="utf-8")
        else:
            text = gzip.decompress(found.files[f"{name}.gz"].read_bytes()).decode()
        languages.append([line.split() for line in text.splitlines()])
    german, english = languages
    assert len(german) == len(english)
    return german, english
