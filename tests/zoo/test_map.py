"""A map is the structure of a scan: on the meta device, the same skips, blocks and paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from plusone.records import ReportData, ScanConfig
from plusone.scan import map_subject, scan_subject
from plusone.target import resolve
from plusone.target.options import TargetOptions
from plusone.target.subject import Subject, subject_of
from zoo.all_models import ALL_MODELS
from zoo.entry import Entry

pytestmark = pytest.mark.zoo

_QUICK = ScanConfig(quick=True, timed=False)
LIGHT = [entry for entry in ALL_MODELS if entry.is_light]
# Without values there is no run; `plusone map` then builds the weights after all.
NEEDS_VALUES = {
    "pyg gcn": "self loops that are there already are looked for",
    "pyg gcn2": "self loops that are there already are looked for",
    "torch LSTM encoder-decoder": "the test model makes its first state on the CPU",
}


def _structure(data: ReportData) -> tuple[object, ...]:
    """All but the number of operations (attention is one, or written out) and measured weights."""
    found = data.structure
    law = found.paths
    paths = (law.lengths, law.log10_counts, law.mean_length)
    blocks = tuple(
        (b.name, b.kind, b.skip, b.depth, b.layers, b.level, b.shape, b.input_shape)
        for b in data.blocks
    )
    return found.skips, blocks, paths, found.folds


def _mapped(entry: Entry, device: str) -> ReportData:
    with torch.device(device):
        model, inputs = entry.build()
    return map_subject(subject_of(model, inputs), _QUICK).data


@pytest.mark.parametrize("entry", LIGHT, ids=lambda entry: entry.name)
@pytest.mark.filterwarnings("ignore")
def test_a_map_without_values_has_the_structure_of_a_scan(entry: Entry) -> None:
    if entry.name in NEEDS_VALUES:
        pytest.skip(NEEDS_VALUES[entry.name])
    model, inputs = entry.build()
    scanned = scan_subject(subject_of(model, inputs), _QUICK).data
    assert _structure(_mapped(entry, "meta")) == _structure(scanned)


SMALL = {
    "bert": {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64},
    "gpt2": {"n_embd": 32, "n_head": 2},
    "llama": {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64},
    "bart": {"d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64},
}


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.filterwarnings("ignore")
def test_inputs_made_for_the_meta_device_add_no_paths(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": kind, "vocab_size": 99, **SMALL[kind]}))

    def resolved(device: str) -> Subject:
        return resolve(f"hf:{config}", TargetOptions(device=device))

    mapped = map_subject(resolved("meta"), _QUICK).data
    scanned = scan_subject(resolved("cpu"), _QUICK).data
    assert _structure(mapped) == _structure(scanned)
