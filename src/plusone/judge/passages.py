"""Rules on the narrowest place between input and output, and on ways around one that is meant."""

from __future__ import annotations

from plusone.judge.findings import finding
from plusone.judge.thresholds import BYPASS, BYPASS_SHUT, BYPASS_WIDTH, CAPACITY, DETAIL
from plusone.records import Evidence, Finding, NotMeasured, Passage, Structure


def judge_passages(structure: Structure, evidence: Evidence) -> list[Finding]:
    """S105 and S106; nothing where the net gives back its input, or may: see `unjudged`."""
    if evidence.gives_back_input is not False:
        return []
    found = []
    detail, capacity = structure.detail, structure.capacity
    if detail is not None and float(detail.value) < DETAIL:
        reason = (
            f"of the {detail.needed:,} positions of the output, the best way from the input keeps "
            f"{detail.size:,} apart at {detail.where}, {_part(detail)} of its resolution a side: "
            "finer detail is lost on all ways"
        )
        found.append(finding("S105", detail.where, detail.value, DETAIL, reason))
    if capacity is not None and float(capacity.value) < CAPACITY:
        reason = (
            f"all ways from an input to the output pass {capacity.size:,} numbers a sample at "
            f"{capacity.where}, {_part(capacity)} of the {capacity.needed:,} that come in or are "
            "made of them"
        )
        found.append(finding("S106", capacity.where, capacity.value, CAPACITY, reason))
    return found


def judge_bypass(evidence: Evidence) -> list[Finding]:
    """S107 where nearly all of an autoencoder's output comes around its latent, or all can.

    Not where the latent has to do without what comes around for many samples.
    """
    bypass = evidence.end_to_end.bypass
    if bypass is None or float(bypass.shut) >= BYPASS_SHUT:
        return []
    is_large, is_wide = float(bypass.share) > BYPASS, float(bypass.width) >= BYPASS_WIDTH
    if not is_large and not is_wide:
        return []
    reason = (
        f"{bypass.enters} reads {bypass.around:,} numbers a sample that do not pass the "
        f"{bypass.size:,} of the latent at {bypass.latent}"
    )
    if bypass.share.is_finite:
        reason += f"; {float(bypass.share):.1%} of what the output varies by comes around"
    if is_large:
        return [finding("S107", bypass.enters, bypass.share, BYPASS, reason)]
    reason += ", and training can make it all: the way around is as wide as the latent"
    return [finding("S107", bypass.enters, bypass.width, BYPASS_WIDTH, reason)]


def unjudged(structure: Structure, evidence: Evidence) -> tuple[NotMeasured, ...]:
    """What S105 to S107 could not judge, and why: autoencoders that nothing tells from others."""
    found = []
    narrow = [
        passage
        for passage, least in ((structure.detail, DETAIL), (structure.capacity, CAPACITY))
        if passage is not None and float(passage.value) < least
    ]
    if evidence.gives_back_input is None and narrow:
        why = (
            f"the net is narrow at {narrow[0].where}, which an autoencoder is on purpose, and its "
            "output has the input's size: targets that are not the input would tell"
        )
        what = "whether detail or information is lost (S105, S106)"
        found.append(NotMeasured(what=what, why=why))
    bypass = evidence.end_to_end.bypass
    if bypass is not None and not bypass.share.is_measured:
        why = "it takes four samples, and values that autograd sees"
        what = f"what comes around the latent at {bypass.latent} (S107)"
        found.append(NotMeasured(what=what, why=why))
    return tuple(found)


def _part(passage: Passage) -> str:
    share = float(passage.value)
    return f"1/{1 / share:.0f}" if share > 0 else "nothing"
