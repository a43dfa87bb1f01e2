"""segmentation_models_pytorch and MONAI: pictures to masks, most of them U-Nets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from zoo.entry import Entry, Made, Skips, picture


def _smp(
    name: str, encoder: str = "resnet18", size: int = 64, **options: Any
) -> Callable[[], Made]:
    def make() -> Made:
        import segmentation_models_pytorch as smp

        model = getattr(smp, name)(encoder, encoder_weights=None, classes=2, **options)
        return model, picture(size)

    return make


def _monai(name: str, *sizes: Any, shape: tuple[int, ...] = (2, 1, 32, 32), **options: Any) -> Any:
    def make() -> Made:
        import monai.networks.nets as nets

        return getattr(nets, name)(*sizes, **options), torch.randn(shape)

    return make


_CHANNELS, _STRIDES = (8, 16, 32, 64), (2, 2, 2)
_RESNET18 = "ResNet-18's 5 identity and 3 projection skips in the encoder"

SEGMENTATION_MODELS = (
    Entry(
        name="smp Unet resnet18",
        make=_smp("Unet"),
        skips=Skips(identity=5, projection=3, concat=4),
        because=f"{_RESNET18}; 5 levels, of which the finest has no features to concatenate",
        is_light=True,
    ),
    Entry(
        name="smp Unet resnet18, depth 3",
        make=_smp("Unet", encoder_depth=3, decoder_channels=(64, 32, 16)),
        skips=Skips(identity=3, projection=1, concat=2),
        because="stem and two stages of ResNet-18 (the second projects); 3 levels, 2 with features",
    ),
    Entry(
        name="smp Unet vgg11",
        make=_smp("Unet", "vgg11"),
        skips=Skips(concat=4),
        because="5 levels; the features at full resolution are left out by the decoder",
    ),
    Entry(
        name="smp Unet efficientnet-b0",
        make=_smp("Unet", "efficientnet-b0"),
        skips=Skips(identity=9, gated=16, concat=4),
        because="EfficientNet-B0's 9 skips and 16 gates, 4 levels of features",
    ),
    Entry(
        name="smp Linknet resnet18",
        make=_smp("Linknet"),
        skips=Skips(identity=5 + 4, projection=3),
        because=f"{_RESNET18}; the decoder adds the features of 4 levels (Chaurasia 2017)",
    ),
    Entry(
        name="smp FPN resnet18",
        make=_smp("FPN", size=128),
        skips=Skips(identity=5, projection=3 + 3),
        because=f"{_RESNET18}; 3 lateral 1x1 convolutions are added on the way up (Lin 2017)",
    ),
    Entry(
        name="smp DeepLabV3 resnet18",
        make=_smp("DeepLabV3"),
        skips=Skips(identity=5, projection=3),
        because=f"{_RESNET18}; all ways of the pyramid have a convolution",
    ),
    Entry(
        name="smp DeepLabV3Plus resnet18",
        make=_smp("DeepLabV3Plus"),
        skips=Skips(identity=5, projection=3, concat=1),
        because=f"{_RESNET18}; the low-level features are concatenated once (Chen 2018, figure 2)",
    ),
    Entry(
        name="smp PSPNet resnet18",
        make=_smp("PSPNet", size=96),
        skips=Skips(identity=3, projection=1, concat=1),
        because="two stages of ResNet-18; the features are concatenated with their pyramid",
    ),
    Entry(
        name="monai UNet",
        make=_monai("UNet", 2, 1, 2, _CHANNELS, _STRIDES, num_res_units=0),
        skips=Skips(concat=3),
        because="4 levels: 3 concatenations",
        is_light=True,
    ),
    Entry(
        name="monai UNet, residual units",
        make=_monai("UNet", 2, 1, 2, _CHANNELS, _STRIDES, num_res_units=2),
        skips=Skips(identity=3, projection=4, concat=3),
        because=(
            "3 concatenations; the residual units of the 4 levels down change the channels, the "
            "3 on the way up keep them: a U-Net's skips around a ResNet's"
        ),
        is_light=True,
    ),
    Entry(
        name="monai BasicUNet",
        make=_monai("BasicUNet", 2, 1, 2, (8, 8, 16, 32, 64, 8)),
        skips=Skips(concat=4),
        because="5 levels: 4 concatenations",
    ),
    Entry(
        name="monai AttentionUnet",
        make=_monai("AttentionUnet", 2, 1, 2, _CHANNELS, _STRIDES),
        skips=Skips(concat=3),
        because="4 levels: 3 concatenations, each behind an attention gate (Oktay 2018)",
    ),
    Entry(
        name="monai DynUNet",
        make=_monai("DynUNet", 2, 1, 2, [3, 3, 3, 3], [1, 2, 2, 2], [2, 2, 2]),
        skips=Skips(concat=3),
        because="nnU-Net of 4 levels: 3 concatenations",
    ),
    Entry(
        name="monai SegResNet",
        make=_monai("SegResNet", 2, 8, 1, 2),
        skips=Skips(identity=9 + 3 + 3),
        because="1+2+2+4 blocks down and 1+1+1 up; the decoder adds the features of 3 levels",
    ),
    Entry(
        name="monai VNet",
        make=_monai("VNet", 2, 1, 2),
        skips=Skips(identity=9, concat=4),
        because="5 stages down and 4 up add their input; 4 concatenations (Milletari 2016)",
    ),
    Entry(
        name="monai HighResNet",
        make=_monai("HighResNet", 3, 1, 2, shape=(1, 1, 16, 16, 16)),
        skips=Skips(identity=7, projection=2),
        because="3 groups of 3 blocks; the first of the second and third group widens its input",
        is_slow=True,
    ),
    Entry(
        name="monai UNETR",
        make=_monai(
            "UNETR",
            *(1, 2, (32, 32)),
            hidden_size=48,
            mlp_dim=64,
            num_heads=4,
            spatial_dims=2,
            feature_size=8,
        ),
        skips=Skips(identity=24 + 3, projection=5, concat=4),
        because=(
            "12 transformer layers of 2; 4 concatenations, whose features pass 2, 1 and 0 residual "
            "blocks that keep their channels; the block on the picture widens 1 channel to 8, the "
            "4 of the decoder halve theirs: 5 projections"
        ),
    ),
    Entry(
        name="monai SwinUNETR",
        make=_monai("SwinUNETR", 1, 2, feature_size=12, spatial_dims=2, shape=(1, 1, 64, 64)),
        skips=Skips(identity=16 + 4, projection=6, concat=5),
        because=(
            "4 stages of 2 Swin blocks of 2; 5 concatenations; residual blocks: the encoders keep "
            "the channels but for the picture's, the 5 decoders halve them"
        ),
    ),
)
