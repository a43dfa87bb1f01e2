"""A stand-in for the pipeline and a way to run the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from plusone.records import (
    Finding,
    PathLaw,
    ReportData,
    ScanConfig,
    Severity,
    Structure,
    Value,
    Verdict,
)
from plusone.report import Report
from plusone.target import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command line gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


def report_of(*severities: Severity, target: str = "a net") -> Report:
    """A report with one finding of each severity."""
    findings = tuple(
        Finding(
            code=f"G20{i + 1}",
            name="vanishing",
            where="blocks.3",
            value=Value.of(-9.0),
            threshold=Value.of(-6.0),
            reason="the gradient is gone",
            remedy="add a skip",
            severity=severity,
        )
        for i, severity in enumerate(severities)
    )
    law = PathLaw(log10_count=0.9, min_length=0, max_length=3, mean_length=1.5)
    data = ReportData(
        target=target,
        verdict=Verdict(label="trainable", probability=0.9, reason="all is well"),
        structure=Structure(num_blocks=3, depth=3, paths=law),
        findings=findings,
    )
    return Report(data)


@dataclass
class Pipeline:
    """Stands for `plusone.scan`: gives `report` or raises `error`, and keeps what it was given."""

    report: Report = field(default_factory=report_of)
    error: BaseException | None = None
    subject: Subject | None = None
    config: ScanConfig | None = None

    def scan_subject(self, subject: Subject, config: ScanConfig, progress: object = None) -> Report:
        """The report, after printing as a user's model might."""
        print("the model prints")
        self.subject, self.config = subject, config
        if self.error is not None:
            raise self.error
        return self.report

    def map_subject(self, subject: Subject, config: ScanConfig) -> Report:
        """The same report."""
        return self.scan_subject(subject, config)
