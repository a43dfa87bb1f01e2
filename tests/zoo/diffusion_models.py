"""diffusers: denoisers and autoencoders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from zoo.entry import Entry, Made, Skips, picture


def _diffusers(name: str, inputs: Callable[[], Any], **options: Any) -> Callable[[], Made]:
    def make() -> Made:
        import diffusers

        return getattr(diffusers, name)(**options), inputs()

    return make


def _steps() -> torch.Tensor:
    return torch.tensor([3, 500])


_TWO = {"block_out_channels": (32, 64), "norm_num_groups": 8}

DIFFUSION_MODELS = (
    Entry(
        name="diffusers UNet2D",
        make=_diffusers(
            "UNet2DModel",
            lambda: {"sample": picture(16), "timestep": _steps()},
            sample_size=16,
            layers_per_block=1,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            **_TWO,
        ),
        skips=Skips(identity=3 + 4, projection=1 + 4, concat=4),
        because=(
            "(1 + 1) concatenations on each of 2 levels; ResNet blocks: down 32-32 and 32-64 "
            "(projects), middle 2, up 4 that read concatenations (project); attention: 1 down, 1 "
            "in the middle, 2 up. The embedding of the time is spread over the positions: no skip"
        ),
        is_light=True,
    ),
    Entry(
        name="diffusers UNet2DCondition",
        make=_diffusers(
            "UNet2DConditionModel",
            lambda: {
                "sample": picture(16, channels=4),
                "timestep": _steps(),
                "encoder_hidden_states": torch.randn(2, 5, 32),
            },
            sample_size=16,
            layers_per_block=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=8,
            **_TWO,
        ),
        skips=Skips(identity=5 + 6 * 4, projection=1 + 6, concat=6),
        because=(
            "(2 + 1) concatenations on 2 levels; ResNet blocks: 32-32 twice, 32-64 (projects), "
            "64-64, middle 2, up 6 (project); 2 + 1 + 3 transformers: one skip around each and 3 "
            "inside (self, cross, feed-forward)"
        ),
    ),
    Entry(
        name="diffusers AutoencoderKL",
        make=_diffusers(
            "AutoencoderKL",
            lambda: picture(16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            **_TWO,
        ),
        skips=Skips(identity=1 + 3 + 2 + 1 + 3, projection=2),
        because=(
            "encoder 32-32 and 32-64 (projects), its middle 2 and an attention; decoder: middle 2 "
            "and an attention, 2 + 2 blocks of which one narrows (projects)"
        ),
    ),
    Entry(
        name="diffusers DiT",
        make=_diffusers(
            "DiTTransformer2DModel",
            lambda: {
                "hidden_states": picture(16, channels=4),
                "timestep": _steps(),
                "class_labels": torch.tensor([1, 2]),
            },
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=4,
            num_layers=3,
            sample_size=16,
            patch_size=2,
            num_embeds_ada_norm=10,
            norm_num_groups=8,
        ),
        skips=Skips(identity=6),
        because="3 layers of 2; the time's shift, scale and gate act on the branch (Peebles 2023)",
    ),
    Entry(
        name="diffusers SD3 transformer",
        make=_diffusers(
            "SD3Transformer2DModel",
            lambda: {
                "hidden_states": picture(16, channels=4),
                "encoder_hidden_states": torch.randn(2, 5, 32),
                "pooled_projections": torch.randn(2, 64),
                "timestep": _steps(),
            },
            sample_size=16,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=32,
            caption_projection_dim=32,
            pooled_projection_dim=64,
        ),
        skips=Skips(identity=2 * 2 + 2),
        because="2 layers of 2 on the picture's stream; on the text's, the last layer has none",
    ),
)
