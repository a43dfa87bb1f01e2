"""Times and errors of the path law: `OMP_NUM_THREADS=1 python benchmarks/pathlaw.py`.

Each line gives the best and the median of seven runs in seconds, and errors against exact
integers: of the distribution (largest absolute difference of a share), of the share relative to
itself, and of log10 of a count, at some 1,000 of the lengths. The goal is 10,000 blocks in 0.3 s
with an error below 1e-12.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np

from plusone.graph.exact_paths import exact_path_counts
from plusone.graph.pathlaw import PathGraph, path_law, path_moments
from plusone.records import PathLaw

REPEATS = 7
LOG10_2 = Fraction("0.30102999566398119521373889472449302676818988146210854131")


def residual(num_blocks: int, num_skips: int = 0, span: int = 2, gains: bool = False) -> PathGraph:
    """A chain of residual blocks, with random further skips of at most `span` blocks."""
    rng = np.random.default_rng(0)
    here = np.repeat(np.arange(num_blocks), 2)
    start = rng.integers(0, num_blocks - 1, num_skips)
    stop = np.minimum(start + rng.integers(2, span + 1, num_skips), num_blocks)
    length = np.concatenate([np.tile([0, 1], num_blocks), np.zeros(num_skips, int)])
    return PathGraph(
        num_nodes=num_blocks + 1,
        source=np.concatenate([here, start]),
        target=np.concatenate([here + 1, stop]),
        length=length,
        log_weight=rng.normal(-0.3, 0.3, len(length)) if gains else None,
        inputs=(0,),
        outputs=(num_blocks,),
    )


def dense(num_layers: int) -> PathGraph:
    """Every layer reads the input and all earlier layers: x (1 + x)**n."""
    source, target = np.triu_indices(num_layers + 2, 1)
    return PathGraph(
        num_nodes=num_layers + 2,
        source=source,
        target=target,
        length=np.ones(len(source), int),
        inputs=(0,),
        outputs=(num_layers + 1,),
    )


def binomial(n: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Length and exact count, from `first` on."""
    count = 1
    for k in range(n + 1):
        yield first + k, count
        count = count * (n - k) // (k + 1)


def log10_of(count: int) -> float:
    """log10 of an integer, from its leading 60 bits and an exact multiple of log10(2)."""
    shift = max(count.bit_length() - 60, 0)
    high = math.log10(float(count >> shift))
    return float(Fraction(high) + shift * LOG10_2)


def errors(law: PathLaw, exact: Iterator[tuple[int, int]]) -> str:
    """Largest errors against exact counts, at some 1,000 of the lengths."""
    counts = dict(exact)
    total = sum(counts.values())
    assert tuple(counts) == law.lengths
    share, relative, log = 0.0, 0.0, 0.0
    step = max(len(counts) // 1000, 1)
    for i in range(0, len(counts), step):
        count = counts[law.lengths[i]]
        log = max(log, abs(law.log10_counts[i] - log10_of(count)))
        true = (count << 1100) // total / 2**1100
        found = 10 ** (law.log10_counts[i] - law.log10_count)
        share = max(share, abs(found - true))
        if true > 1e-250:
            relative = max(relative, abs(found / true - 1))
    worst = abs(law.log10_count / log10_of(total) - 1)
    return f"share {share:.1e} (relative {relative:.1e}), log10 {log:.1e}, total rel {worst:.1e}"


def timed(name: str, run: Callable[[], object], note: str = "") -> None:
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    print(f"{name:<44} {min(seconds):6.3f} {statistics.median(seconds):6.3f}  {note}", flush=True)


def main() -> None:
    chain, short, long = (
        residual(10_000),
        residual(10_000, 9_000, 10),
        residual(10_000, 9_000, 9_999),
    )
    print(f"{'':<44} {'best':>6} {'median':>6}")
    note = errors(path_law(chain), binomial(10_000))
    timed("law, 10,000 residual blocks", lambda: path_law(chain), note)
    timed("law, 29,000 edges, skips of up to 10 blocks", lambda: path_law(short))
    timed("law, 29,000 edges, skips of any span", lambda: path_law(long))
    for skips, span in ((1_800, 10), (1_800, 1_999)):
        small = residual(2_000, skips, span)
        note = errors(path_law(small), iter(exact_path_counts(small).items()))
        timed(f"law, 5,800 edges, spans up to {span}", partial(path_law, small), note)
    for layers in (300, 700):
        net = dense(layers)
        note = errors(path_law(net), binomial(layers, first=1))
        timed(f"law, dense, {layers} layers", partial(path_law, net), note)
    gained = residual(10_000, gains=True)
    timed("law and weights, 10,000 residual blocks", lambda: path_law(gained))
    law, moments = path_law(gained), path_moments(gained, weighted=True)
    assert law.effective_length is not None
    gap = abs(law.effective_length / moments.mean_length - 1)
    note = f"mean against the law's: rel {gap:.1e}"
    timed("moments, 10,000 residual blocks", lambda: path_moments(chain))
    timed("moments with weights, 10,000 blocks", lambda: path_moments(gained, weighted=True), note)
    exact = residual(2_000)
    assert exact_path_counts(exact) == dict(binomial(2_000))
    timed("exact integers, 2,000 residual blocks", lambda: exact_path_counts(exact), "equal")


if __name__ == "__main__":
    main()
