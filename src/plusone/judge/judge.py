"""Evidence in, findings and verdict out."""

from __future__ import annotations

from plusone.judge.gradient import judge_gradient
from plusone.judge.nodes import are_nodes_alike, without_plain_skips
from plusone.judge.signal import judge_signal
from plusone.judge.structure import judge_structure
from plusone.judge.unlikely import judge_unlikely
from plusone.judge.verdict import reach_verdict
from plusone.records import Evidence, Finding, ScanConfig, Structure, Verdict


def judge(
    structure: Structure, evidence: Evidence, config: ScanConfig
) -> tuple[tuple[Finding, ...], Verdict | None]:
    """The findings, errors first, and the verdict.

    `config.select` and `config.ignore` choose which findings are shown; the verdict is reached
    from all of them.
    """
    found = [
        *judge_signal(evidence),
        *judge_gradient(evidence),
        *judge_structure(structure, evidence),
    ]
    found += judge_unlikely(evidence, found)
    if are_nodes_alike(evidence, found):
        found = [without_plain_skips(f) for f in found]
    order = {"error": 0, "warning": 1}
    found.sort(key=lambda f: order[f.severity])
    verdict = reach_verdict(evidence, tuple(found))
    shown = [f for f in found if _is_chosen(f.code, config)]
    return tuple(shown), verdict


def _is_chosen(code: str, config: ScanConfig) -> bool:
    if config.select and not code.startswith(config.select):
        return False
    return not (config.ignore and code.startswith(config.ignore))
