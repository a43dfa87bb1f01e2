"""All rules together: order, choice of codes, and the table itself."""

from __future__ import annotations

import math
import re

import pytest

from judge.synthetic import block, chain, codes, evidence, found, judged
from plusone.judge import thresholds
from plusone.judge.rules import RULES
from plusone.records import Evidence

# Frozen: a code is never used for something else, and its name is in users' configurations.
CODES = {
    "S101": "deep-stack-without-skip",
    "S102": "dead-branch",
    "S104": "missing-skip",
    "S105": "lost-detail",
    "S106": "information-bottleneck",
    "S107": "bypassed-latent",
    "G201": "vanishing-gradient",
    "G202": "exploding-gradient",
    "G203": "collapsed-gradient",
    "A301": "growing-signal",
    "A302": "over-smoothing",
    "A303": "parallel-inputs",
    "A304": "fading-signal",
    "A305": "lost-geometry",
    "J401": "block-out-of-line",
    "N501": "non-finite",
}


def troubled() -> Evidence:
    """A net with a missing skip, a dead branch, a fading signal and a vanishing gradient."""
    sizes = [10.0**-k for k in range(8)]
    blocks = chain(8, signal_rms=sizes, gradient_norm=[10.0 ** (k - 7) for k in range(8)])
    blocks[3] = block("blocks.3", kind="plain", signal_rms=sizes[3], gradient_norm=1e-4)
    return evidence(blocks, gradient=-7.0, signal=-7.0, dead_blocks=("blocks.5",))


def test_errors_come_before_warnings() -> None:
    assert codes(found(troubled())) == ["G201", "S102", "A304", "S104"]


def test_a_healthy_net_is_silent() -> None:
    findings, verdict = judged(evidence(chain(30), gradient=0.2, signal=0.4))
    assert findings == ()
    assert verdict is not None
    assert verdict.label == "trainable"


def test_no_blocks_give_no_findings() -> None:
    assert found(evidence([])) == []


@pytest.mark.parametrize(
    ("select", "ignore", "left"),
    [
        (("S",), (), ["S102", "S104"]),
        (("S1", "G"), (), ["G201", "S102", "S104"]),
        ((), ("S104",), ["G201", "S102", "A304"]),
        (("S",), ("S104",), ["S102"]),
        (("N",), (), []),
    ],
)
def test_findings_are_chosen_by_prefix(
    select: tuple[str, ...], ignore: tuple[str, ...], left: list[str]
) -> None:
    assert codes(found(troubled(), select=select, ignore=ignore)) == left


def test_the_verdict_counts_what_is_not_shown() -> None:
    assert judged(troubled(), ignore=("G", "A"))[1] == judged(troubled())[1]


def test_every_finding_carries_its_rules_words() -> None:
    for finding in found(troubled()):
        rule = RULES[finding.code]
        assert (finding.name, finding.severity) == (rule.name, rule.severity)
        assert finding.remedy == rule.fix
        assert finding.reason
        assert finding.threshold.is_measured


def test_codes_and_names_are_frozen() -> None:
    assert {code: rule.name for code, rule in RULES.items()} == CODES


@pytest.mark.parametrize("code", CODES)
def test_a_rule_explains_itself(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert re.fullmatch(r"[SGAJN][1-5]\d\d", code)
    assert "SGAJN".index(code[0]) + 1 == int(code[1])
    for text in (rule.summary, rule.why, rule.fix):
        assert text[0].isupper()
        assert text.endswith(".")
    assert re.search(r"\d{4}|IEEE", rule.reference)


def test_thresholds_are_in_order() -> None:
    assert thresholds.GRADIENT_DECADES < thresholds.NORMED_GRADIENT_DECADES
    assert thresholds.GRADIENT_DECADES < thresholds.SIGNAL_DECADES
    assert math.sqrt(2) < thresholds.PEER_FACTOR < 2
    assert thresholds.PEER_COUNT == thresholds.PEER_NEIGHBOURS + 1
