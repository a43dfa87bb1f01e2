"""How deep a stack of post-norm branches is."""

from __future__ import annotations

from collections import defaultdict

from plusone.capture.trace import ValueRef
from plusone.fix.sites import Survey

# Liu et al. 2020 (arXiv 2004.08249, section 5): post-norm transformers of 12 layers train, those of
# 18 (36 branches in an encoder) diverge.
_DEEP = 36


def deep_post_norm(survey: Survey) -> int:
    """The number of branches whose sum is read by a norm alone, if it is too large; else 0."""
    readers: dict[ValueRef, list[str]] = defaultdict(list)
    for op in survey.trace.ops:
        for parent in op.parents:
            readers[parent].append(op.name)
    outputs = [b.output for b in survey.graph.blocks if b.kind == "residual"]
    count = sum(
        bool(readers[value]) and all("layer_norm" in name for name in readers[value])
        for value in outputs
    )
    return count if count >= _DEEP else 0
