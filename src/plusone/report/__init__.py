"""What the user holds: a report as text, HTML and JSON, and the comparison of two."""

from plusone.report.diff import compare
from plusone.report.diff_html import compare_html
from plusone.report.html import HealthyBand
from plusone.report.json import json_schema
from plusone.report.report import Report

__all__ = ["HealthyBand", "Report", "compare", "compare_html", "json_schema"]
