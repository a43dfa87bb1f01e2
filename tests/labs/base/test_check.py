"""What is stored with the package covers every lab, and says when a verdict has changed."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from plusone.labs import run_lab
from plusone.labs.base.check import StoredLab, StoredOutcome, differences, stored
from plusone.labs.base.run import lab_named
from plusone.labs.index import LABS


@pytest.mark.parametrize("name", LABS)
def test_each_lab_has_its_verdict_and_every_prediction_stored(name: str) -> None:
    lab, kept = lab_named(name), stored()[name]
    assert lab.claim.name == name
    assert kept.verdict in ("holds", "mixed", "fails")
    assert list(kept.outcomes) == [p.key for p in lab.claim.predictions]


@pytest.mark.parametrize("name", LABS)
def test_each_lab_has_a_claim_a_control_and_arms_of_its_own_names(name: str) -> None:
    lab = lab_named(name)
    assert any(p.role == "claim" for p in lab.claim.predictions)
    assert any(p.role == "control" for p in lab.claim.predictions)
    for is_full in (False, True):
        names = [arm.name for arm in lab.plan(is_full).arms]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", LABS)
def test_each_share_accuracy_and_correlation_has_its_range(name: str) -> None:
    bounded = re.compile(r"\b(accuracy|training error|share|IoU|F1|AUC|correlation|cosine)\b")
    for p in lab_named(name).claim.predictions:
        # What a part brings of a gain, or a repair closes of a gap, may be more than all.
        if bounded.search(p.text) and not re.search("of the ga(in|p)|of the information", p.text):
            assert all(map(math.isfinite, p.within)), p.text
        if math.isfinite(p.low):
            assert p.within[0] <= p.low <= p.within[1], p.text
        if math.isfinite(p.high):
            assert p.within[0] <= p.high <= p.within[1], p.text


def test_a_changed_verdict_is_one_sentence(tiny: Path) -> None:
    result = run_lab("tiny")
    outcomes = {
        o.prediction.key: StoredOutcome(verdict=o.verdict, mean=1.0) for o in result.outcomes
    }
    kept = {"tiny": StoredLab(verdict="holds", date="2026-01-01", outcomes=outcomes)}
    assert differences([result], kept) == []
    assert differences([replace(result, verdict="fails")], kept) == [
        "tiny: fails, stored was holds"
    ]
    del outcomes["more"]
    assert differences([result], kept) == ["tiny, more: holds, stored was absent"]
    assert differences([result], {}) == ["tiny: no result is stored"]
