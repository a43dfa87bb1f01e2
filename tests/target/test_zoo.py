"""Models by name, built without a download."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from plusone.errors import MissingExtraError, TargetError
from plusone.target import TargetOptions, resolve
from plusone.target.extras import import_extra

pytestmark = pytest.mark.zoo


@pytest.mark.parametrize("target", ["timm:resnet18", "timm:resnet18.a1_in1k", "tv:resnet18"])
def test_a_named_model_takes_pictures_of_its_size(target: str) -> None:
    (x,) = resolve(target).args
    assert isinstance(x, torch.Tensor)
    assert x.shape == (4, 3, 224, 224)


def test_a_video_model_takes_clips() -> None:
    (x,) = resolve("tv:r3d_18", TargetOptions(device="meta")).args
    assert isinstance(x, torch.Tensor)
    assert x.shape == (2, 3, 16, 112, 112)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("timm:resnet5000", r"timm has no model 'resnet5000'; did you mean resnet50"),
        ("tv:resnet_18", r"torchvision.models has no model 'resnet_18'; did you mean resnet18"),
        ("tv:fasterrcnn_resnet50_fpn", "is a detector"),
        ("tv:quantized_resnet18", "is quantised, so no gradient"),
        ("hf:gpt22", r"transformers has no model type 'gpt22'; did you mean gpt2"),
        ("hf:openai-community/gpt2", "plusone downloads nothing"),
        ("hf:nowhere/config.json", "there is no file 'nowhere/config.json'"),
    ],
)
def test_an_unknown_name_is_refused_with_what_comes_close(target: str, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        resolve(target)


SMALL = {"vocab_size": 99, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
GPT2 = {"model_type": "gpt2", "vocab_size": 99, "n_embd": 16, "n_layer": 2, "n_head": 2}
T5 = {"model_type": "t5", "vocab_size": 99, "d_model": 16, "d_ff": 32, "num_layers": 2}


def config(folder: Path, **settings: object) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(settings))
    return f"hf:{path}"


def test_a_configuration_gives_tokens_of_its_vocabulary(tmp_path: Path) -> None:
    subject = resolve(config(tmp_path, **GPT2))
    tokens = subject.kwargs["input_ids"]
    assert isinstance(tokens, torch.Tensor)
    assert int(tokens.max()) < 99
    assert subject.model(**subject.kwargs).last_hidden_state.shape == (4, 32, 16)


def test_a_folder_with_a_configuration_is_enough(tmp_path: Path) -> None:
    config(tmp_path, **GPT2)
    assert type(resolve(f"hf:{tmp_path}").model).__name__ == "GPT2Model"


def test_the_class_that_a_configuration_names_is_built(tmp_path: Path) -> None:
    target = config(tmp_path, **GPT2, architectures=["GPT2LMHeadModel"])
    assert type(resolve(target).model).__name__ == "GPT2LMHeadModel"


def test_the_weights_are_random_and_of_single_precision(tmp_path: Path) -> None:
    model = resolve(config(tmp_path, **GPT2, dtype="bfloat16")).model
    weights = [p for p in model.parameters() if p.dim() > 1]
    assert {p.dtype for p in weights} == {torch.float32}
    assert all(float(p.detach().std()) > 0 for p in weights)


def test_an_encoder_with_a_decoder_takes_two_kinds_of_tokens(tmp_path: Path) -> None:
    subject = resolve(config(tmp_path, **T5, num_heads=2, d_kv=8))
    assert list(subject.kwargs) == ["input_ids", "decoder_input_ids"]
    subject.model(**subject.kwargs)


def test_a_vision_model_takes_pictures_of_its_size(tmp_path: Path) -> None:
    settings = SMALL | {"model_type": "vit", "image_size": 32, "intermediate_size": 32}
    subject = resolve(config(tmp_path, **settings))
    pixels = subject.kwargs["pixel_values"]
    assert isinstance(pixels, torch.Tensor)
    assert pixels.shape == (4, 3, 32, 32)
    subject.model(**subject.kwargs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no valid JSON"),
        ("[]", "holds a list, not a configuration"),
        ("{}", 'names no "model_type"'),
        ('{"model_type": "gtp2"}', "did you mean gpt2"),
    ],
)
def test_a_wrong_configuration_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(TargetError, match=message):
        resolve(f"hf:{tmp_path}")


@pytest.mark.parametrize("kind", ["llama", "bert", "gpt2"])
def test_a_language_model_runs_on_the_meta_device(kind: str, tmp_path: Path) -> None:
    settings = (GPT2 if kind == "gpt2" else SMALL) | {"model_type": kind, "intermediate_size": 32}
    subject = resolve(config(tmp_path, **settings), TargetOptions(device="meta"))
    assert all(p.is_meta for p in subject.model.parameters())
    assert subject.model(**subject.kwargs).last_hidden_state.is_meta


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(MissingExtraError, match=r'extra .zoo.: pip install "plusone\[zoo\]"'):
        import_extra("a_package_that_nobody_made", extra="zoo")
