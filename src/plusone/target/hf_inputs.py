"""Inputs that a Hugging Face model takes, as its configuration sizes them."""

from __future__ import annotations

import inspect
from typing import Any

import torch

NUM_SAMPLES = 4
NUM_TOKENS = 32


def default_inputs(model: Any, *, device: str) -> dict[str, object]:
    """A small random batch of keyword arguments, by the names in the model's forward.

    Tokens are uniform over the vocabulary; pictures and sounds are standard normal. Sizes come
    from the configuration, for models of two kinds from that of each part.
    """
    config = model.config
    names = set(inspect.signature(model.forward).parameters)
    main = getattr(model, "main_input_name", "input_ids")
    inputs: dict[str, torch.Tensor] = {}
    if main == "input_ids" or hasattr(model, "logit_scale"):  # or: a text-and-picture pair
        inputs["input_ids"] = _tokens(config)
    if main == "pixel_values" or (hasattr(model, "logit_scale") and "pixel_values" in names):
        inputs["pixel_values"] = _pictures(config)
    if main == "input_values":
        inputs["input_values"] = torch.randn(NUM_SAMPLES, 16_000)
    if main == "input_features":
        inputs["input_features"] = _features(config)
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in names:
        inputs["decoder_input_ids"] = _tokens(config)
    if device == "meta" and "input_ids" in inputs and hasattr(config, "num_attention_heads"):
        # Without a whole mask, the model looks into the tokens for padding, which have no values.
        length = inputs["input_ids"].shape[1]
        inputs["attention_mask"] = torch.ones(NUM_SAMPLES, 1, length, length).bool()
    return {name: value for name, value in inputs.items() if name in names}


def _of(config: Any, name: str, default: Any, *, part: str) -> Any:
    """A setting of the configuration, or of its part for one kind of input."""
    for holder in (getattr(config, part, None), config):
        value = getattr(holder, name, None)
        if value is not None:
            return value
    return default


def _tokens(config: Any) -> torch.Tensor:
    vocabulary = _of(config, "vocab_size", 256, part="text_config")
    longest = _of(config, "max_position_embeddings", NUM_TOKENS, part="text_config")
    tokens = torch.randint(vocabulary, (NUM_SAMPLES, min(NUM_TOKENS, longest)))
    end = _of(config, "eos_token_id", None, part="text_config")
    if isinstance(end, int) and 0 <= end < vocabulary:
        tokens[:, -1] = end  # some models read the sentence off at its end token
    return tokens


def _pictures(config: Any) -> torch.Tensor:
    channels = _of(config, "num_channels", 3, part="vision_config")
    side = _of(config, "image_size", 224, part="vision_config")
    height, width = (side, side) if isinstance(side, int) else tuple(side)[-2:]
    return torch.randn(NUM_SAMPLES, channels, height, width)


def _features(config: Any) -> torch.Tensor:
    bins = _of(config, "num_mel_bins", 80, part="audio_config")
    length = 2 * _of(config, "max_source_positions", 1500, part="audio_config")
    return torch.randn(NUM_SAMPLES, bins, length)
