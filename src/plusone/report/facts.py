"""The sentences that text, page and comparison share: structure, end to end, cost, provenance."""

from __future__ import annotations

from collections import Counter

from plusone.records import Cost, EndToEnd, Fold, PathLaw, Provenance, ReportData, Structure, Value
from plusone.report.numerals import (
    counted,
    factor,
    magnitude,
    number,
    power,
    shown,
    with_error,
)

Facts = tuple[tuple[str, str], ...]

LONGEST_COUNT = 9
"""Digits of a number of paths that is written out; beyond, it is a power of ten."""


CLOSED_FORM = (
    "from the sizes of the blocks' Jacobians alone, as if the gradient met each in a random "
    "direction: trained weights, narrow blocks and skips around several blocks make it differ from "
    "what was measured"
)
"""What the closed form is, and why it is not what was measured: see `theory.of_blocks`."""


def kinds(structure: Structure) -> dict[str, int]:
    """How many skips there are of each kind, the most frequent kind first."""
    return dict(Counter(skip.kind for skip in structure.skips).most_common())


def structure_facts(structure: Structure) -> Facts:
    """Size, skips, repeats and paths, each in one sentence."""
    size = [counted(structure.num_blocks, "block"), f"depth {structure.depth:,}"]
    if structure.num_parameters:
        size.append(f"{magnitude(structure.num_parameters)} parameters")
    if structure.num_operations:
        size.append(counted(structure.num_operations, "operation"))
    facts = [("size", ", ".join(size)), ("skips", _skips_sentence(structure))]
    if structure.folds:
        facts.append(("repeats", ", ".join(map(_fold_name, structure.folds))))
    return (*facts, ("paths", paths_sentence(structure.paths)))


def _skips_sentence(structure: Structure) -> str:
    if not structure.skips:
        return "none"
    spans = [skip.span for skip in structure.skips]
    low, high = min(spans), max(spans)
    layers = counted(high, "weighted layer") if low == high else f"{low} to {high} weighted layers"
    each = ", ".join(f"{count:,} {kind}" for kind, count in kinds(structure).items())
    depth = max(skip.level for skip in structure.skips)
    nested = f", nested {depth + 1} deep" if depth else ""
    return f"{each}; around {layers}{nested}"


def _fold_name(fold: Fold) -> str:
    return f"{fold.name} x{fold.count}"


def path_count(paths: PathLaw) -> str:
    """The number of paths; a negative log says that none leads from input to output."""
    if 0 <= paths.log10_count < LONGEST_COUNT:
        return f"{round(10**paths.log10_count):,}"
    return "0" if paths.log10_count < 0 else power(paths.log10_count)


def paths_sentence(paths: PathLaw) -> str:
    """How many paths there are, and how long: shortest, mean, longest, effective."""
    if paths.log10_count < 0:
        return "none from input to output"
    count = path_count(paths)
    if paths.min_length == paths.max_length:
        length = counted(paths.max_length, "block")
        return f"{count} of length {length}" if count != "1" else f"1, through {length}"
    lengths = f"{paths.min_length:,} to {paths.max_length:,}, mean {number(paths.mean_length)}"
    if paths.effective_length is None:
        return f"{count} of length {lengths}"
    return f"{count} of length {lengths}; gradient-weighted {number(paths.effective_length)}"


def end_to_end_facts(end_to_end: EndToEnd, *, sign: str = "+/-") -> Facts:
    """Gradient and signal ratio and singular values of the whole network, where measured.

    `sign` stands before standard errors.
    """
    facts = []
    gradient, signal = end_to_end.log10_gradient_ratio, end_to_end.log10_signal_ratio
    if gradient.is_measured:
        mean = ", geometric mean over samples" if gradient.stderr is not None else ""
        facts.append(("gradient", f"input / output = {_ratio(gradient, sign)}{mean}"))
    closed = end_to_end.log10_closed_form
    if closed.is_measured and gradient.is_measured:
        facts.append(("closed form", f"{_ratio(closed, sign)}, {CLOSED_FORM}"))
    if signal.is_measured:
        facts.append(("signal", f"last / first block = {_ratio(signal, sign)}"))
    collapse, alignment = end_to_end.gradient_collapse, end_to_end.input_alignment
    if collapse.is_measured:
        square = with_error(collapse, sign=sign)
        facts.append(("directions", f"mean cos^2 between gradients of random directions {square}"))
    if alignment.is_measured:
        facts.append(("geometry", f"alignment of input and last features {shown(alignment)}"))
    values = end_to_end.singular_values
    triple = (values.min, values.median, values.max)
    if any(value.is_measured for value in triple):
        method = f" ({end_to_end.method})" if end_to_end.method else ""
        facts.append(
            (
                "Jacobian",
                f"singular values {' / '.join(map(shown, triple))}, min / median / max{method}",
            )
        )
    return tuple(facts)


def _ratio(log10: Value, sign: str) -> str:
    if log10.value is None or abs(log10.value) > 6:
        return factor(log10) if log10.stderr is None else f"10^({with_error(log10, sign=sign)})"
    return f"{factor(log10)} (log10 {with_error(log10, sign=sign)})"


def cost_sentence(cost: Cost) -> str:
    """Seconds, and how many plain forward+backward passes they are; "" if not timed."""
    if not cost.seconds:
        return ""
    if not cost.ratio:
        return f"{number(cost.seconds)} s"
    return (
        f"{number(cost.seconds)} s, {number(cost.ratio)} x one forward and backward "
        f"({number(cost.forward_backward_seconds)} s)"
    )


def provenance_facts(data: ReportData) -> Facts:
    """How the numbers came to be, without what is not known."""
    p: Provenance = data.provenance
    versions = [
        f"{name} {version}"
        for name, version in (("plusone", p.plusone), ("torch", p.torch), ("Python", p.python))
        if version
    ]
    threads = counted(p.threads, "thread") if p.threads else ""
    machine = [part for part in (p.device, p.dtype, threads) if part]
    runs = [f"mode {p.mode}"] if p.mode else []
    runs += [f"seed {p.seed}", counted(p.repeats, "repeat")] if versions or p.mode else []
    facts = (
        ("loss", p.loss),
        ("inputs", p.inputs),
        ("spectra", p.spectra),
        ("run", ", ".join(runs)),
        ("device", ", ".join(machine)),
        ("versions", ", ".join(versions)),
        ("cost", cost_sentence(data.cost)),
    )
    return tuple((label, sentence) for label, sentence in facts if sentence)
