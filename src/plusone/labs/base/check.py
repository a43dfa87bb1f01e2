"""The verdicts that are stored with the package, to compare a new run with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from plusone.labs.base.claim import LabResult, Verdict

STORED = Path(__file__).with_name("stored.json")


class StoredOutcome(msgspec.Struct, frozen=True):
    """What one prediction gave when it was stored."""

    verdict: str
    mean: float | None


class StoredLab(msgspec.Struct, frozen=True):
    """What a lab gave in quick mode when it was stored."""

    verdict: str
    date: str
    outcomes: dict[str, StoredOutcome]


def stored() -> dict[str, StoredLab]:
    """What every lab gave in quick mode when it was stored, by the lab's name."""
    return msgspec.json.decode(STORED.read_bytes(), type=dict[str, StoredLab])


def store(results: Iterable[LabResult], before: Mapping[str, StoredLab]) -> None:
    """Store results in place of those of the same labs."""
    found = dict(before) | {r.claim.name: _stored(r) for r in results}
    content = msgspec.json.format(msgspec.json.encode(found), indent=2)
    STORED.write_bytes(content + b"\n")


def _stored(result: LabResult) -> StoredLab:
    import math

    return StoredLab(
        verdict=result.verdict,
        date=result.date,
        outcomes={
            o.prediction.key: StoredOutcome(
                verdict=o.verdict, mean=o.mean if math.isfinite(o.mean) else None
            )
            for o in result.outcomes
        },
    )


def differences(results: Sequence[LabResult], kept: Mapping[str, StoredLab]) -> list[str]:
    """One sentence for each lab and each prediction whose verdict is not the stored one.

    Means may move with the machine's arithmetic; what must not change is on which side of the
    interval fixed beforehand they lie.
    """
    found = []
    for result in results:
        name = result.claim.name
        if name not in kept:
            found.append(f"{name}: no result is stored")
            continue
        before = kept[name]
        found += _changed(name, before.verdict, result.verdict)
        for outcome in result.outcomes:
            key = outcome.prediction.key
            was: Verdict | str = (
                before.outcomes[key].verdict if key in before.outcomes else "absent"
            )
            found += _changed(f"{name}, {key}", was, outcome.verdict)
    return found


def _changed(what: str, before: str, after: str) -> list[str]:
    return [] if before == after else [f"{what}: {after}, stored was {before}"]
