"""The frozen records that the stages hand on, and that a report holds. Imports no torch.

Everything here is plain data: numbers, strings and tuples, so that a report can be written as
JSON, compared and kept. Records that hold tensors or modules live with their stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

SCHEMA = "plusone.report/1"

State = Literal["ok", "nan", "inf", "-inf"]
Kind = Literal["identity", "projection", "gated", "scaled", "concat", "attention"]
Label = Literal["trainable", "vanishing", "exploding", "over-smoothing", "bottleneck", "unstable"]
Mode = Literal["as-is", "train", "eval"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A measured number that survives JSON: infinities and NaN are states, not holes.

    `value` is None when the number is not finite (`state` says which) or when it was not measured
    (`state` is "ok" and the report's `not_measured` says why). `stderr` is the standard error of
    `value` over samples, in the same unit (of one sample: over repeats, which random gradients
    alone make differ), or None where there was one of each.
    """

    value: float | None = None
    state: State = "ok"
    stderr: float | None = None

    @classmethod
    def of(cls, number: float, stderr: float | None = None) -> Value:
        """The record of `number`; a standard error that is not finite is dropped."""
        if math.isnan(number):
            return cls(state="nan")
        if math.isinf(number):
            return cls(state="inf" if number > 0 else "-inf")
        kept = stderr if stderr is not None and math.isfinite(stderr) else None
        return cls(value=float(number), stderr=kept)

    @property
    def is_measured(self) -> bool:
        """Whether a measurement was made, finite or not."""
        return self.value is not None or self.state != "ok"

    @property
    def is_finite(self) -> bool:
        """Whether the number is there and finite."""
        return self.value is not None

    def __float__(self) -> float:
        if self.value is not None:
            return self.value
        return math.nan if self.state in ("ok", "nan") else float(self.state)


NOT_MEASURED = Value()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """One skip: a path around a residual branch into a join.

    `source` and `join` name the places where the skip leaves and returns; `module` is the module
    whose forward contains the join; `span` is the number of weighted layers (convolutions, linear
    maps, attention) on the longest branch that it goes around; `level` is the nesting depth
    (0 for a skip that no other skip goes around); `blocks` are the positions in the report's
    block list of the first and the last block that it goes around (or -1).
    """

    kind: Kind
    source: str
    join: str
    module: str
    span: int
    level: int = 0
    first_block: int = -1
    last_block: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PathLaw:
    """How many paths of each length lead from input to output, and how gradient spreads on them.

    The length of a path is the number of blocks whose branch it takes (plain blocks count on
    every path). `log10_counts[i]` belongs to length `lengths[i]`; `weights[i]` is the share of
    the gradient's second moment that paths of this length carry (empty where not measured).
    `effective_length` is the mean length under `weights` (None where not measured). Where no path
    leads from input to output, `log10_count` is -1 and `lengths` is empty.
    """

    log10_count: float
    min_length: int
    max_length: int
    mean_length: float
    effective_length: float | None = None
    lengths: tuple[int, ...] = ()
    log10_counts: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A run of `count` blocks of the same structure, from block `first` on, `period` at a time."""

    name: str
    first: int
    count: int
    period: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The narrowest place on the way from an input to an output, and the share that passes it.

    `where` names the place ("" where nothing is narrow); `size` is what passes there and `needed`
    what could, a sample, in the unit that the field with this record says.
    """

    value: Value
    where: str = ""
    size: int = 0
    needed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What the graph says: blocks, depth (blocks on the longest path), skips and path lengths.

    `detail` is the best way from a picture to an output of its size, in positions; its value is the
    linear resolution that is left (`graph.detail`). `capacity` is the smallest vertex cut between
    an input and an output, in numbers, its value the share of what a cut there would need
    (`graph.bottleneck`; a lower bound from 0.5 on). None where nothing of the kind is there.
    """

    num_blocks: int
    depth: int
    skips: tuple[Skip, ...] = ()
    paths: PathLaw
    folds: tuple[Fold, ...] = ()
    num_parameters: int = 0
    num_operations: int = 0
    detail: Passage | None = None
    capacity: Passage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Size of a Jacobian: largest singular value, Frobenius norm / sqrt(inputs), stable rank."""

    spectral_norm: Value = NOT_MEASURED
    frobenius_rms: Value = NOT_MEASURED
    stable_rank: Value = NOT_MEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """One block, in the order of execution.

    `depth` counts blocks on the longest path up to and with this one. `signal_rms` and
    `gradient_rms` are root mean squares over the elements of the block's output and of the
    gradient that arrives there; `gradient_norm` is the gradient's Euclidean norm per sample.
    `residual_ratio` is rms(branch) / rms(skip) at the join, each over the whole batch (several
    branches count as if uncorrelated). `jacobian` is of the whole block
    (I + F for an identity skip), `branch_jacobian` of F alone. Of a block with an identity skip,
    `step_growth` is max |1 + lambda| over the eigenvalues lambda of F's Jacobian, and `step_limit`
    the largest h with max |1 + h lambda| <= 1: the step of Euler's method that the block is, and
    how far it could go (`plusone.steps`); of wide blocks both are estimates from the unsafe side,
    by about their standard errors. `similarity` is the mean cosine
    between the representations of two of the first 32 samples at the block's output,
    `token_similarity` between two of at most 32 tokens of the first sample (or nodes of a graph,
    of its largest component), `rank` the effective rank of the same samples (exponential of the
    entropy of the normalised eigenvalues of their matrix of cosines); rows of zeros count in none
    of them. `shape` and `input_shape` are those of the block's output and input; `layers` counts
    the weighted layers of its own, `level` the blocks around it.
    """

    name: str
    depth: int
    kind: Literal["residual", "plain"] = "residual"
    module: str = ""
    skip: Kind | None = None
    signal_rms: Value = NOT_MEASURED
    gradient_rms: Value = NOT_MEASURED
    gradient_norm: Value = NOT_MEASURED
    residual_ratio: Value = NOT_MEASURED
    jacobian: Spectrum = field(default_factory=Spectrum)
    branch_jacobian: Spectrum = field(default_factory=Spectrum)
    step_growth: Value = NOT_MEASURED
    step_limit: Value = NOT_MEASURED
    similarity: Value = NOT_MEASURED
    token_similarity: Value = NOT_MEASURED
    rank: Value = NOT_MEASURED
    shape: tuple[int, ...] = ()
    input_shape: tuple[int, ...] = ()
    layers: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SingularValues:
    """Smallest, median and largest singular value of the end-to-end Jacobian."""

    min: Value = NOT_MEASURED
    median: Value = NOT_MEASURED
    max: Value = NOT_MEASURED


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """What of an autoencoder's output comes around its latent (`probe.bypass`).

    `latent` is the place of the latent, `enters` that of the first operation that reads a value
    around it ("": none does, and the share is 0), `size` and `around` their numbers a sample.
    `share` is that of the output's variance that comes around at these parameters; `width` is how
    many numbers can, those of the smallest vertex cut without the latent over the latent's (a lower
    bound from 4 on); `shut` is the share of samples whose output nothing around reaches, as where a
    skip is dropped for a share of the samples in training, or closed. `room` is the alignment with
    the input that random linear codes of `size` numbers keep, over that of codes of ten (1 from ten
    on): how much of the samples' geometry so narrow a latent has room for.
    """

    share: Value = NOT_MEASURED
    width: Value = NOT_MEASURED
    shut: Value = NOT_MEASURED
    room: Value = NOT_MEASURED
    latent: str
    enters: str = ""
    size: int = 0
    around: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToEnd:
    """Along the trunk, the longest way through the blocks.

    `log10_gradient_ratio` is log10(|g_in| / |g_out|) with Euclidean norms per sample, between the
    last block's output and the first block's input (or, where a head beside the trunk reads that,
    the next value that none reads): 0 is perfect, -6 says that a millionth of the gradient arrives.
    `log10_signal_ratio` is log10(rms_last / rms_first) behind the last and the first block: the
    scale of the input is no matter of the net. `singular_values` are those of the Jacobian of the
    last block's output with respect to the first block's input. `log10_closed_form` is the gradient
    ratio that the sizes of the blocks' Jacobians alone would give (`theory.of_blocks`).
    `gradient_collapse`, from 0 to 1, is the mean cos^2 between the gradients that two random
    cotangents of the output send to the first block's input (`probe.collapse`), `input_alignment`
    the centred kernel alignment of the samples at the input and where the last layer reads; both
    are without the noise of a latent (`probe.noiseless`).
    """

    log10_gradient_ratio: Value = NOT_MEASURED
    log10_closed_form: Value = NOT_MEASURED
    log10_signal_ratio: Value = NOT_MEASURED
    gradient_collapse: Value = NOT_MEASURED
    input_alignment: Value = NOT_MEASURED
    singular_values: SingularValues = field(default_factory=SingularValues)
    bypass: Bypass | None = None
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured, before it is judged.

    `first_non_finite` names the first place where the signal stops being finite ("" if it stays
    so) and `non_finite_in` what was not finite there; `dead_blocks` are the blocks whose branch
    gives nothing and can learn nothing; `cut_blocks` those in front of the place (the block
    `cut_before`, or "" for the head) where autograd's graph is cut, so that no gradient reaches
    their weights. `trunk` names the blocks that the ratios from end to end are about (empty: all).
    `gives_back_input` says that the targets are the input, as an autoencoder's; None: nothing
    tells. `has_nodes` says that the blocks mix the nodes of a graph, `samples_are_nodes` that these
    are what looks like a batch.
    """

    blocks: tuple[BlockReport, ...] = ()
    end_to_end: EndToEnd = field(default_factory=EndToEnd)
    first_non_finite: str = ""
    non_finite_in: str = ""
    dead_blocks: tuple[str, ...] = ()
    cut_blocks: tuple[str, ...] = ()
    cut_before: str = ""
    trunk: tuple[str, ...] = ()
    gives_back_input: bool | None = False
    has_nodes: bool = False
    samples_are_nodes: bool = False
    not_measured: tuple[NotMeasured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement, the probability that the net trains, and why.

    `is_calibrated` says whether `probability` comes from nets that were really trained
    (`judge.calibration`). "over-smoothing": samples or tokens become alike; "bottleneck": too few
    directions of the signal or the gradient pass; "unstable": something is not finite.
    """

    label: Label
    probability: float
    reason: str
    is_calibrated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that fired, with the first place where the trouble starts."""

    code: str
    name: str
    where: str
    value: Value
    threshold: Value
    reason: str
    remedy: str
    severity: Severity = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of the whole scan, of one plain forward+backward, and their ratio (0: not timed)."""

    seconds: float = 0.0
    forward_backward_seconds: float = 0.0
    ratio: float = 0.0


VALUE_DEPENDENT = "what depends on values"
"""What a map lacks where the model asked for values, which the meta device has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """Something that a full scan measures and this one did not, with the reason."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How the numbers came to be: versions, mode, seed, inputs, loss and the samples used."""

    plusone: str = ""
    torch: str = ""
    python: str = ""
    device: str = ""
    dtype: str = ""
    mode: str = ""
    seed: int = 0
    threads: int = 0
    inputs: str = ""
    loss: str = ""
    spectra: str = ""
    repeats: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything that a report holds; `plusone.report.Report` renders it. Schema `SCHEMA`.

    `verdict` is None where no gradient was measured (`plusone map`; else `not_measured` says why).
    `notes` say what the verdict does not know, such as that parameters are frozen.
    """

    schema: str = SCHEMA
    target: str
    verdict: Verdict | None = None
    structure: Structure
    blocks: tuple[BlockReport, ...] = ()
    end_to_end: EndToEnd = field(default_factory=EndToEnd)
    findings: tuple[Finding, ...] = ()
    cost: Cost = field(default_factory=Cost)
    not_measured: tuple[NotMeasured, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig:
    """What to measure and how hard to try.

    `mode` "as-is" keeps the model's own training flags. `quick` measures structure, profile and
    verdict alone, and times no plain pass. `repeats` random cotangents (or loss evaluations) are
    averaged. `samples` of the batch are used for the spectra. `select` and `ignore` are prefixes
    of finding codes.
    """

    seed: int = 0
    mode: Mode = "as-is"
    quick: bool = False
    repeats: int = 1
    samples: int = 2
    tolerance: float = 0.05
    timed: bool = True
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
