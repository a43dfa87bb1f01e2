from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusone.errors import InputError, ReportError
from plusone.records import BlockReport, EndToEnd, PathLaw, ReportData, Structure, Value
from plusone.report import Report, json_schema
from plusone.report.json import SCHEMA_FILE, decode, encode

from . import samples


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is not valid JSON")


def report_of(value: Value, *, plain: float = 0.0) -> ReportData:
    paths = PathLaw(log10_count=plain, min_length=0, max_length=1, mean_length=0.5)
    return ReportData(
        target="one value",
        structure=Structure(num_blocks=0, depth=0, paths=paths),
        end_to_end=EndToEnd(log10_gradient_ratio=value),
    )


@pytest.mark.parametrize("name", samples.ALL)
def test_every_sample_is_valid_strict_json_that_fits_the_schema(name: str) -> None:
    content = json.loads(encode(samples.ALL[name]()), parse_constant=refuse_constant)
    jsonschema.Draft202012Validator(json_schema()).validate(content)


@pytest.mark.parametrize("name", sorted(set(samples.ALL) - {"broken"}))
def test_a_report_survives_json(name: str) -> None:
    data = samples.ALL[name]()
    assert decode(encode(data)) == data


def test_a_report_of_infinities_survives_json() -> None:
    data = samples.broken()
    raw = encode(data)
    again = decode(raw)
    assert again.blocks == data.blocks
    assert math.isnan(again.cost.ratio)
    assert encode(again) == raw


@given(st.floats(allow_nan=True, allow_infinity=True), st.none() | st.floats(min_value=0))
def test_any_measured_number_survives_json(number: float, error: float | None) -> None:
    value = Value.of(number, error)
    again = decode(encode(report_of(value))).end_to_end.log10_gradient_ratio
    assert again == value
    assert again.is_measured


@given(st.floats(allow_nan=False))
def test_a_plain_number_that_is_not_finite_survives_json(number: float) -> None:
    raw = encode(report_of(Value(), plain=number))
    json.loads(raw, parse_constant=refuse_constant)
    assert decode(raw).structure.paths.log10_count == number


def test_numpy_numbers_and_strings_of_other_classes_are_written_as_what_they_are() -> None:
    class Version(str):
        __slots__ = ()

    data = dataclasses.replace(
        samples.unet(),
        target=Version("2.13.0"),
        blocks=(BlockReport(name="b", depth=1, rank=Value(value=np.float64(2.5))),),  # type: ignore[arg-type]
    )
    again = decode(encode(data))
    assert type(again.target) is str
    assert again == data


def test_the_schema_file_in_the_package_is_up_to_date() -> None:
    written = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    assert written == json.loads(msgspec.json.encode(json_schema())), (
        "run plusone.report.json.write_schema()"
    )


def test_the_schema_refuses_a_verdict_that_does_not_exist() -> None:
    content = json.loads(encode(samples.resnet50()))
    content["verdict"]["label"] = "splendid"
    with pytest.raises(jsonschema.ValidationError, match="splendid"):
        jsonschema.Draft202012Validator(json_schema()).validate(content)


def test_the_json_has_the_keys_that_the_design_promises() -> None:
    content = json.loads(encode(samples.resnet50()))
    assert content["schema"] == "plusone.report/1"
    assert {
        "target",
        "verdict",
        "structure",
        "blocks",
        "end_to_end",
        "findings",
        "cost",
        "not_measured",
    } <= content.keys()
    assert {"num_blocks", "depth", "skips", "paths"} <= content["structure"].keys()
    assert content["blocks"][0]["signal_rms"].keys() == {"value", "state", "stderr"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"<html>", r"is no JSON .* so it is no plusone report"),
        (b"\xff\xfe", r"is no JSON"),
        (b"[1, 2]", r'no plusone report: it has no "schema"'),
        (b'{"a": 1}', r'no plusone report: it has no "schema"'),
        (b'{"schema": "plusone.report/9"}', r"is of schema 'plusone.report/9'"),
        (b'{"schema": "plusone.report/1"}', r"damaged report: .*target"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(raw: bytes, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        Report.from_json(raw)


def test_loading_a_file_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"nowhere.json cannot be read: No such file"):
        Report.load(tmp_path / "nowhere.json")


def test_the_name_of_the_damaged_file_is_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "half.json"
    path.write_bytes(encode(samples.unet())[:100])
    with pytest.raises(ReportError, match=r"half\.json is no JSON"):
        Report.load(path)


def test_a_report_is_saved_in_the_form_of_its_suffix_and_loaded_again(tmp_path: Path) -> None:
    report = Report(samples.unet())
    assert Report.load(report.save(tmp_path / "unet.json")) == report
    assert report.save(tmp_path / "unet.html").read_text("utf-8").startswith("<!doctype html>")
    assert report.save(tmp_path / "unet.txt").read_text("utf-8") == report.to_text() + "\n"


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    says = r"cannot be saved as \.pdf .*use \.html, \.json, \.svg or \.txt"
    with pytest.raises(InputError, match=says):
        Report(samples.unet()).save(tmp_path / "unet.pdf")


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no/unet\.html cannot be written: No such file"):
        Report(samples.unet()).save(tmp_path / "no" / "unet.html")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=r"cannot be written: Is a directory\.$"):
        Report(samples.unet()).save(tmp_path / "folder.json")


def test_unknown_fields_of_a_later_minor_version_are_ignored() -> None:
    content = json.loads(encode(samples.unet()))
    content["invented_later"] = 1
    assert decode(json.dumps(content)) == samples.unet()
