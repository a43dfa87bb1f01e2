"""How well what theory says of a pattern orders trained nets, on nets that no search is tested on.

Random patterns of skips over plain nets of linear layers, on scikit-learn's digits and CIFAR-10's
pictures, each trained as `benchmarks/search.py` trains what a search has found; the rank
correlation of its accuracy with the promise of `plusone.search`, and with each of the closed form's
numbers.

    python -m benchmarks.search_promise --rows FILE [--worker K --of N]
    python -m benchmarks.search_promise --rows FILE --report
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from benchmarks.search import DEPTHS, keep, parser_of, rows_in, split, tested
from scipy.stats import spearmanr

from plusone.search import Pattern, SpaceConfig, Training, space_of
from plusone.search.guide import chain_of, laws, promise, random_pattern
from plusone.theory import PatternLaw

SEEDS, COUNT = (100, 101), 32  # `benchmarks/search.py` has the seeds 0 to 4
CONFIG = SpaceConfig(kinds=("identity",))


def law_of(data: str, depth: int, seed: int, patterns: list[Pattern]) -> PatternLaw:
    """What the closed form says of these patterns of a net."""
    space = space_of(split(data, depth, seed)[0], CONFIG)
    return laws(space, chain_of(space), patterns)


def rows_of(data: str, depth: int, seed: int, done: set[int]) -> Iterator[dict[str, object]]:
    space = space_of(split(data, depth, seed)[0], CONFIG)
    rng = np.random.default_rng(seed)
    for k, pattern in enumerate([random_pattern(space, rng) for _ in range(COUNT)]):
        if k not in done:
            accuracy = tested(data, depth, seed, pattern, Training(seed=seed))
            head = {"data": data, "depth": depth, "seed": seed, "number": k}
            yield {**head, "spans": pattern.spans, "accuracy": accuracy}


def report(rows: list[dict[str, Any]]) -> str:
    """A table: Spearman's correlations with the accuracy over the patterns of each net."""
    columns = ("promise", "few layers", "few decades", "ln(1 - c)", "skips")
    lines = [
        "| net | accuracy, quartiles | best quarter by promise | " + " | ".join(columns) + " |"
    ]
    lines.append("|" + "---|" * (3 + len(columns)))
    for case in sorted({(r["data"], r["depth"], r["seed"]) for r in rows}):
        own = [r for r in rows if (r["data"], r["depth"], r["seed"]) == case]
        patterns = [Pattern(spans=tuple(r["spans"])) for r in own]
        accuracy = np.array([r["accuracy"] for r in own])
        law = law_of(*case, patterns)
        heights = promise(law)
        found = (
            heights,
            -law.effective_depth,
            -np.abs(law.log10_typical_norm),
            law.log_gap,
            np.array([p.num_skips for p in patterns]),
        )
        best = accuracy[np.argsort(-heights, kind="stable")[: len(own) // 4]].mean()
        quartiles = " ".join(f"{q:.3f}" for q in np.quantile(accuracy, (0.25, 0.5, 0.75)))
        cells = [f"{spearmanr(f, accuracy).statistic:.2f}" for f in found]
        name = "{}, {} layers, seed {}".format(*case)
        lines.append(f"| {name} | {quartiles} | {best:.3f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    options = parser_of(__doc__).parse_args()
    rows = rows_in(options.rows)
    if options.report:
        print(report(rows))
        return
    cases = [(d, n, s) for s in SEEDS for n in DEPTHS for d in ("digits", "cifar10")]
    for case in cases[options.worker :: options.of]:
        done = {r["number"] for r in rows if (r["data"], r["depth"], r["seed"]) == case}
        for row in rows_of(*case, done):
            keep(options.rows, row)


if __name__ == "__main__":
    main()
