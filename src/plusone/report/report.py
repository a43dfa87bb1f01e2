"""The report: what a scan returns, and what the user prints, saves, loads and compares."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from plusone.errors import InputError, ReportError
from plusone.records import (
    BlockReport,
    Cost,
    EndToEnd,
    Finding,
    NotMeasured,
    Provenance,
    ReportData,
    Skip,
    Structure,
    Value,
    Verdict,
)
from plusone.report import html, json, sheet, text


class Prediction(NamedTuple):
    """log10(|g_in| / |g_out|) from the blocks' Jacobians alone, and as it was measured.

    `predict` does the same without a model. See `plusone.theory.of_blocks`.
    """

    closed_form: Value
    measured: Value


class Report:
    """What was found in one network, with the ways to show it: text, HTML, SVG and JSON."""

    __slots__ = ("data",)

    def __init__(self, data: ReportData) -> None:
        self.data = data

    @property
    def target(self) -> str:
        """What was scanned, as the user named it."""
        return self.data.target

    @property
    def verdict(self) -> Verdict | None:
        """The judgement, or None where nothing was measured (`plusone map`)."""
        return self.data.verdict

    @property
    def structure(self) -> Structure:
        """Blocks, depth, skips and path lengths."""
        return self.data.structure

    @property
    def skips(self) -> tuple[Skip, ...]:
        """The skips, in the order of their joins."""
        return self.data.structure.skips

    @property
    def blocks(self) -> tuple[BlockReport, ...]:
        """The blocks, in the order of execution."""
        return self.data.blocks

    @property
    def end_to_end(self) -> EndToEnd:
        """Gradient and signal ratio and singular values of the whole network."""
        return self.data.end_to_end

    @property
    def prediction(self) -> Prediction:
        """log10 of the gradient ratio in closed form, beside what was measured."""
        ends = self.data.end_to_end
        return Prediction(ends.log10_closed_form, ends.log10_gradient_ratio)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The rules that fired, first trouble first."""
        return self.data.findings

    @property
    def cost(self) -> Cost:
        """What the scan cost, beside a plain forward and backward."""
        return self.data.cost

    @property
    def not_measured(self) -> tuple[NotMeasured, ...]:
        """What was left out, with reasons."""
        return self.data.not_measured

    @property
    def notes(self) -> tuple[str, ...]:
        """What the verdict does not know, such as that parameters are frozen."""
        return self.data.notes

    @property
    def provenance(self) -> Provenance:
        """How the numbers came to be."""
        return self.data.provenance

    @property
    def ok(self) -> bool:
        """Whether no finding of severity error was made."""
        return not any(finding.severity == "error" for finding in self.data.findings)

    def to_json(self, *, indent: int = 0) -> bytes:
        """The report as JSON, schema "plusone.report/1"."""
        return json.encode(self.data, indent=indent)

    def to_text(
        self, *, format: text.Format = "full", width: int = 100, color: bool = False
    ) -> str:
        """The report as terminal text of at most `width` columns."""
        return text.render(self.data, format=format, width=width, color=color)

    def to_html(self, *, band: html.HealthyBand = html.DEFAULT_BAND) -> str:
        """The report as one HTML page that needs no network and no scripts."""
        return html.page(self.data, band=band)

    def to_svg(self) -> str:
        """The figures of the report as one SVG file, for papers and slides."""
        return sheet.sheet((self.data,))

    @classmethod
    def from_json(cls, raw: bytes | str) -> Report:
        """The report that `raw` holds; raises ReportError if it holds none."""
        return cls(json.decode(raw))

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """The report that was saved as JSON in `path`.

        Raises:
            ReportError: if the file cannot be read or holds no report.
        """
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise ReportError(f"{path} cannot be read: {error.strerror}.") from error
        return cls(json.decode(raw, source=str(path)))

    def save(self, path: str | Path) -> Path:
        """Write the report to `path` in the form that its suffix names, and return the path.

        Raises:
            InputError: if the suffix is none of .html, .json, .svg, .txt, or if the file cannot
                be written.
        """
        path = Path(path)
        match path.suffix.lower():
            case ".html" | ".htm":
                content = self.to_html().encode()
            case ".json":
                content = self.to_json(indent=2) + b"\n"
            case ".svg":
                content = self.to_svg().encode()
            case ".txt":
                content = self.to_text().encode() + b"\n"
            case suffix:
                raise InputError(
                    f"A report cannot be saved as {suffix or 'a file without a suffix'!s} "
                    f"({path}); use .html, .json, .svg or .txt."
                )
        try:
            path.write_bytes(content)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}.") from error
        return path

    def __repr__(self) -> str:
        return self.to_text(format="concise")

    def _repr_html_(self) -> str:
        return html.fragment(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Report) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)
