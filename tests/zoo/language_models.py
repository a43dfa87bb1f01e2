"""Hugging Face transformers, from small configurations with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from zoo.entry import Entry, Made, Skips, picture

VOCABULARY = 100


def tokens(length: int = 12) -> torch.Tensor:
    """Two random sentences."""
    return torch.randint(3, VOCABULARY, (2, length))


def hf(
    model: str, config: str, inputs: Callable[[], Any] = tokens, **sizes: Any
) -> Callable[[], Made]:
    """A transformers model of the configuration, with random weights, and its inputs."""

    def make() -> Made:
        import transformers

        settings = getattr(transformers, config)(**sizes)
        return getattr(transformers, model)(settings), inputs()

    return make


def pairs() -> dict[str, torch.Tensor]:
    """Two random sentences to read and two to write."""
    return {"input_ids": tokens(12), "decoder_input_ids": tokens(7)}


def _sound() -> dict[str, torch.Tensor]:
    return {"input_features": torch.randn(2, 16, 60), "decoder_input_ids": tokens(7)}


def _wave() -> torch.Tensor:
    return torch.randn(2, 4000)


ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 32,
}
LLAMA = {**ENCODER, "num_key_value_heads": 1}
_T5 = {"vocab_size": VOCABULARY, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_heads": 2}
_CONV_STEM = {"conv_dim": (16, 16, 16), "conv_stride": (5, 4, 4), "conv_kernel": (10, 8, 4)}

LANGUAGE_MODELS = (
    Entry(
        name="hf gpt2",
        make=hf(
            "GPT2LMHeadModel", "GPT2Config", vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=2
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; GELU's tanh form and dropout masks are no skips",
        is_light=True,
    ),
    Entry(
        name="hf gpt-neo",
        make=hf(
            "GPTNeoForCausalLM",
            "GPTNeoConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_layers=4,
            num_heads=2,
            attention_types=[[["global", "local"], 2]],
        ),
        skips=Skips(identity=8),
        because="4 layers of 2, one after the other (the parallel block is GPT-J's)",
    ),
    Entry(
        name="hf gpt-j",
        make=hf(
            "GPTJForCausalLM",
            "GPTJConfig",
            vocab_size=VOCABULARY,
            n_embd=32,
            n_layer=3,
            n_head=2,
            rotary_dim=8,
        ),
        skips=Skips(identity=3),
        because="3 layers x + attention(norm(x)) + mlp(norm(x)): one join with one skip each",
    ),
    Entry(
        name="hf gpt-neox",
        make=hf("GPTNeoXForCausalLM", "GPTNeoXConfig", **ENCODER),
        skips=Skips(identity=3),
        because="3 parallel blocks; rotary embeddings are no skips",
    ),
    Entry(
        name="hf bert",
        make=hf("BertModel", "BertConfig", **ENCODER),
        skips=Skips(identity=6),
        because="3 layers of 2, normalised after the join",
        is_light=True,
    ),
    Entry(
        name="hf albert",
        make=hf("AlbertModel", "AlbertConfig", embedding_size=16, **ENCODER),
        skips=Skips(identity=6),
        because="one layer of 2 called 3 times",
    ),
    Entry(
        name="hf t5",
        make=hf(
            "T5ForConditionalGeneration",
            "T5Config",
            pairs,
            **_T5,
            num_layers=2,
            num_decoder_layers=3,
        ),
        skips=Skips(identity=13),
        because="2 encoder layers of 2 and 3 decoder layers of 3 (self, cross, feed-forward)",
        is_light=True,
    ),
    Entry(
        name="hf bart",
        make=hf(
            "BartModel",
            "BartConfig",
            pairs,
            vocab_size=VOCABULARY,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=32,
        ),
        skips=Skips(identity=10),
        because="2 encoder layers of 2 and 2 decoder layers of 3",
    ),
    Entry(
        name="hf llama",
        make=hf("LlamaForCausalLM", "LlamaConfig", **LLAMA),
        skips=Skips(identity=6),
        because=(
            "3 layers of 2. Debatable: SwiGLU multiplies two layers' outputs; neither goes "
            "around the other, so it is no gated skip"
        ),
        is_light=True,
    ),
    Entry(
        name="hf gemma2",
        make=hf("Gemma2Model", "Gemma2Config", **LLAMA, head_dim=16),
        skips=Skips(identity=6),
        because="3 layers of 2, each branch normalised before and after",
    ),
    Entry(
        name="hf mixtral",
        make=hf(
            "MixtralForCausalLM",
            "MixtralConfig",
            **LLAMA,
            num_local_experts=4,
            num_experts_per_tok=2,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; experts are weighted by a router, which is beside them, no skip",
    ),
    Entry(
        name="hf vit",
        make=hf(
            "ViTModel",
            "ViTConfig",
            lambda: picture(32),
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf mamba",
        make=hf(
            "MambaModel",
            "MambaConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=3,
            state_size=4,
        ),
        skips=Skips(identity=3, scaled=3),
        because=(
            "3 layers, each an identity skip around the mixer and in it D x, the scaled skip "
            "around the state-space core (Gu 2023, figure 3); the scan over time is a recurrence"
        ),
    ),
    Entry(
        name="hf mamba2",
        make=hf(
            "Mamba2Model",
            "Mamba2Config",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            state_size=8,
            num_heads=4,
            head_dim=16,
            n_groups=1,
            chunk_size=8,
        ),
        skips=Skips(identity=2, scaled=2),
        because="2 layers: the identity around the mixer and D x around its core",
    ),
    Entry(
        name="hf rwkv",
        make=hf(
            "RwkvModel",
            "RwkvConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=3,
            attention_hidden_size=32,
            intermediate_size=64,
        ),
        skips=Skips(identity=6),
        because="3 layers of time mixing and channel mixing; the time shift mixes two positions",
    ),
    Entry(
        name="hf whisper",
        make=hf(
            "WhisperModel",
            "WhisperConfig",
            _sound,
            vocab_size=VOCABULARY,
            num_mel_bins=16,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_source_positions=30,
            max_target_positions=16,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        ),
        skips=Skips(identity=10),
        because="2 encoder layers of 2 and 2 decoder layers of 3, after two convolutions",
    ),
    Entry(
        name="hf wav2vec2",
        make=hf(
            "Wav2Vec2Model",
            "Wav2Vec2Config",
            _wave,
            **ENCODER,
            **_CONV_STEM,
            num_feat_extract_layers=3,
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=2,
            mask_time_length=2,
        ),
        skips=Skips(identity=7),
        because="x + convolution(x), the relative position embedding, and 3 layers of 2",
    ),
    Entry(
        name="hf segformer",
        make=hf(
            "SegformerModel",
            "SegformerConfig",
            lambda: picture(64),
            depths=[1, 1, 1, 1],
            hidden_sizes=[8, 16, 24, 32],
            num_attention_heads=[1, 2, 3, 4],
        ),
        skips=Skips(identity=8),
        because="4 stages of 1 block of 2; the MLP's depthwise convolution is on the branch",
    ),
)
