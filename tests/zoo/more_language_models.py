"""More of transformers: one small configuration of each further family."""

from __future__ import annotations

import torch

from zoo.entry import Entry, Skips, picture
from zoo.language_models import ENCODER, LLAMA, VOCABULARY, hf, pairs, tokens

_SEQ2SEQ = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 32,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "pad_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
_PATCHES = {**ENCODER, "image_size": 32, "patch_size": 8}
del _PATCHES["vocab_size"], _PATCHES["max_position_embeddings"]


def _pair() -> dict[str, torch.Tensor]:
    return {"input_ids": tokens(), "pixel_values": picture(32)}


MORE_LANGUAGE_MODELS = (
    Entry(
        name="hf distilbert",
        make=hf(
            "DistilBertModel",
            "DistilBertConfig",
            vocab_size=VOCABULARY,
            dim=32,
            n_layers=3,
            n_heads=2,
            hidden_dim=64,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2, normalised after the join",
    ),
    Entry(
        name="hf roberta",
        make=hf("RobertaForMaskedLM", "RobertaConfig", **ENCODER),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf electra",
        make=hf("ElectraModel", "ElectraConfig", embedding_size=16, **ENCODER),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf deberta-v2",
        make=hf(
            "DebertaV2Model",
            "DebertaV2Config",
            **ENCODER,
            relative_attention=True,
            pos_att_type=["p2c", "c2p"],
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; the scores of positions are added to those of content: no skip",
    ),
    Entry(
        name="hf modernbert",
        make=hf("ModernBertModel", "ModernBertConfig", **ENCODER, pad_token_id=0),
        skips=Skips(identity=6),
        because="3 layers of 2, gated linear units on the branch",
    ),
    Entry(
        name="hf mobilebert",
        make=hf(
            "MobileBertModel",
            "MobileBertConfig",
            **ENCODER,
            embedding_size=16,
            intra_bottleneck_size=16,
        ),
        skips=Skips(identity=3 * 5, projection=3),
        because=(
            "3 layers: attention, 3 feed-forward nets and the last one inside the bottleneck add "
            "their input, and the input of the layer is added around the whole bottleneck, which "
            "begins with a linear layer"
        ),
    ),
    Entry(
        name="hf opt",
        make=hf(
            "OPTForCausalLM",
            "OPTConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            ffn_dim=64,
            word_embed_proj_dim=32,
            max_position_embeddings=32,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf bloom",
        make=hf(
            "BloomForCausalLM",
            "BloomConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            n_layer=3,
            n_head=2,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2, added inside the attention and the MLP",
    ),
    Entry(
        name="hf falcon",
        make=hf("FalconForCausalLM", "FalconConfig", **ENCODER),
        skips=Skips(identity=3),
        because="3 parallel layers: x + attention + MLP is one join with one skip",
    ),
    Entry(
        name="hf phi",
        make=hf("PhiForCausalLM", "PhiConfig", **ENCODER),
        skips=Skips(identity=3),
        because="3 parallel layers",
    ),
    Entry(
        name="hf mistral",
        make=hf("MistralForCausalLM", "MistralConfig", **LLAMA),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf qwen2",
        make=hf("Qwen2ForCausalLM", "Qwen2Config", **LLAMA),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf qwen3-moe",
        make=hf(
            "Qwen3MoeForCausalLM",
            "Qwen3MoeConfig",
            **LLAMA,
            head_dim=16,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; the experts' weighted sum is the branch",
    ),
    Entry(
        name="hf gemma3",
        make=hf("Gemma3ForCausalLM", "Gemma3TextConfig", **LLAMA, head_dim=16),
        skips=Skips(identity=6),
        because="3 layers of 2, each branch normalised before and after",
    ),
    Entry(
        name="hf olmo2",
        make=hf("Olmo2ForCausalLM", "Olmo2Config", **LLAMA),
        skips=Skips(identity=6),
        because="3 layers of 2, the branch normalised at its end",
    ),
    Entry(
        name="hf granite",
        make=hf("GraniteForCausalLM", "GraniteConfig", **LLAMA, residual_multiplier=0.22),
        skips=Skips(identity=6),
        because="3 layers of 2; the multiplier is on the branch",
    ),
    Entry(
        name="hf cohere",
        make=hf("CohereForCausalLM", "CohereConfig", **LLAMA),
        skips=Skips(identity=3),
        because="3 parallel layers",
    ),
    Entry(
        name="hf stablelm",
        make=hf("StableLmForCausalLM", "StableLmConfig", **LLAMA),
        skips=Skips(identity=6),
        because="3 layers of 2",
    ),
    Entry(
        name="hf deepseek-v3",
        make=hf(
            "DeepseekV3ForCausalLM",
            "DeepseekV3Config",
            **LLAMA,
            n_routed_experts=4,
            num_experts_per_tok=2,
            n_group=2,
            topk_group=1,
            moe_intermediate_size=32,
            first_k_dense_replace=1,
            q_lora_rank=16,
            kv_lora_rank=16,
            qk_nope_head_dim=8,
            qk_rope_head_dim=8,
            v_head_dim=16,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; latent attention puts keys together from two parts: no skip",
    ),
    Entry(
        name="hf falcon-mamba",
        make=hf(
            "FalconMambaModel",
            "FalconMambaConfig",
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=3,
            state_size=4,
        ),
        skips=Skips(identity=3, scaled=3),
        because="3 layers: the identity around the mixer and D x around its state-space core",
    ),
    Entry(
        name="hf recurrent-gemma",
        make=hf(
            "RecurrentGemmaForCausalLM",
            "RecurrentGemmaConfig",
            **LLAMA,
            lru_width=32,
            attention_window_size=8,
        ),
        skips=Skips(identity=6, gated=2),
        because=(
            "3 layers of 2; the first two mix by a gated linear recurrence, whose input gate "
            "multiplies the signal that it is made of (De 2024, equation 3)"
        ),
    ),
    Entry(
        name="hf pegasus",
        make=hf("PegasusModel", "PegasusConfig", pairs, **_SEQ2SEQ),
        skips=Skips(identity=10),
        because="2 encoder layers of 2 and 2 decoder layers of 3",
    ),
    Entry(
        name="hf m2m-100",
        make=hf("M2M100Model", "M2M100Config", pairs, **_SEQ2SEQ),
        skips=Skips(identity=10),
        because="2 encoder layers of 2 and 2 decoder layers of 3",
    ),
    Entry(
        name="hf clip",
        make=hf(
            "CLIPModel",
            "CLIPConfig",
            _pair,
            text_config={**ENCODER, "eos_token_id": 2, "bos_token_id": 1},
            vision_config=_PATCHES,
            projection_dim=16,
        ),
        skips=Skips(identity=12),
        because="3 layers of 2 for the text and 3 of 2 for the picture",
    ),
    Entry(
        name="hf dinov2",
        make=hf("Dinov2Model", "Dinov2Config", lambda: picture(32), **_PATCHES),
        skips=Skips(identity=6),
        because="3 layers of 2, LayerScale on the branch",
    ),
    Entry(
        name="hf swin",
        make=hf(
            "SwinModel",
            "SwinConfig",
            lambda: picture(32),
            image_size=32,
            patch_size=4,
            window_size=4,
            embed_dim=12,
            depths=[2, 2],
            num_heads=[1, 2],
        ),
        skips=Skips(identity=8),
        because="2+2 blocks of 2; patch merging between the stages has no skip",
    ),
    Entry(
        name="hf convnext",
        make=hf(
            "ConvNextModel",
            "ConvNextConfig",
            lambda: picture(32),
            depths=[1, 1, 2, 1],
            hidden_sizes=[8, 16, 24, 32],
        ),
        skips=Skips(identity=5),
        because="1+1+2+1 blocks",
    ),
    Entry(
        name="hf resnet",
        make=hf(
            "ResNetModel",
            "ResNetConfig",
            lambda: picture(64),
            depths=[2, 2],
            hidden_sizes=[16, 32],
            embedding_size=8,
        ),
        skips=Skips(identity=2, projection=2),
        because="2+2 bottlenecks; the first of each stage changes the channels",
    ),
    Entry(
        name="hf perceiver",
        make=hf(
            "PerceiverModel",
            "PerceiverConfig",
            lambda: {"inputs": torch.randn(2, 10, 16)},
            num_latents=6,
            d_latents=16,
            d_model=16,
            num_blocks=1,
            num_self_attends_per_block=2,
            num_self_attention_heads=2,
            num_cross_attention_heads=2,
        ),
        skips=Skips(identity=1 + 1 + 4),
        because=("cross-attention and 2 self-attentions of 2 each"),
        wrong=(
            "5 found: the cross-attention adds to the latents, which are parameters; what carries "
            "no signal of the input is not counted"
        ),
    ),
)
