"""From the command line's options to the records that the stages take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plusone.cli.options import Feed, Judging, Measure
from plusone.errors import InputError
from plusone.records import ScanConfig

if TYPE_CHECKING:
    from plusone.target.options import Device, TargetOptions


def target_options(feed: Feed, *, measure: Measure | None, device: Device) -> TargetOptions:
    """How the target is built and fed."""
    from plusone.target.options import TargetOptions

    return TargetOptions(
        inputs=feed.input,
        inputs_file=feed.inputs,
        seed=feed.seed,
        loss=measure.loss if measure else None,
        device=device,
    )


def scan_config(feed: Feed, measure: Measure, judging: Judging) -> ScanConfig:
    """How the scan runs; refuses numbers and codes that mean nothing."""
    for option, number in (("repeats", measure.repeats), ("samples", measure.samples)):
        if number < 1:
            raise InputError(f"--{option} is {number}; it must be 1 or more")
    return ScanConfig(
        seed=feed.seed,
        mode=measure.mode,
        quick=measure.quick,
        repeats=measure.repeats,
        samples=measure.samples,
        select=_codes("select", judging.select),
        ignore=_codes("ignore", judging.ignore),
    )


def _codes(option: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """The prefixes in `given`, comma-separated or repeated, each of which some rule has."""
    from plusone.judge.rules import RULES

    prefixes = tuple(p.strip().upper() for text in given for p in text.split(",") if p.strip())
    for prefix in prefixes:
        if not any(code.startswith(prefix) for code in RULES):
            raise InputError(
                f"--{option} {prefix} fits no finding; the codes are {', '.join(sorted(RULES))}"
            )
    return prefixes
