"""timm and torchvision: pictures to classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.entry import Entry, Made, Skips, picture


def timm(name: str, size: int = 64, *, batch: int = 2, **options: Any) -> Callable[[], Made]:
    """A timm model of ten classes with random weights, and some pictures."""

    def make() -> Made:
        from timm import create_model

        return create_model(name, num_classes=10, **options), picture(size, batch=batch)

    return make


def torchvision(name: str, size: int = 64, **options: Any) -> Callable[[], Made]:
    """A torchvision model of ten classes with random weights, and two pictures."""

    def make() -> Made:
        from torchvision.models import get_model

        return get_model(name, num_classes=10, **options), picture(size)

    return make


def _small_torchvision_vit() -> Made:
    from torchvision.models import VisionTransformer

    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 4, "num_heads": 4}
    return VisionTransformer(**sizes, hidden_dim=64, mlp_dim=128, num_classes=10), picture(32)


IMAGE_MODELS = (
    Entry(
        name="timm resnet18",
        make=timm("resnet18"),
        skips=Skips(identity=5, projection=3),
        because="2+2+2+2 blocks; the first of stages 2, 3 and 4 changes shape (He 2016, table 1)",
        is_light=True,
    ),
    Entry(
        name="timm resnet34",
        make=timm("resnet34"),
        skips=Skips(identity=13, projection=3),
        because="3+4+6+3 blocks; the first of stages 2, 3 and 4 changes shape",
    ),
    Entry(
        name="timm resnet50",
        make=timm("resnet50"),
        skips=Skips(identity=12, projection=4),
        because="3+4+6+3 bottlenecks; the first of every stage changes the channels",
    ),
    Entry(
        name="timm resnext50_32x4d",
        make=timm("resnext50_32x4d"),
        skips=Skips(identity=12, projection=4),
        because="ResNet-50 with grouped convolutions on the branch",
    ),
    Entry(
        name="timm wide_resnet50_2",
        make=timm("wide_resnet50_2"),
        skips=Skips(identity=12, projection=4),
        because="ResNet-50 with twice the width on the branch",
        is_slow=True,
    ),
    Entry(
        name="timm seresnet50",
        make=timm("seresnet50"),
        skips=Skips(identity=12, projection=4, gated=16),
        because="ResNet-50 with a squeeze-and-excitation gate on each of its 16 branches",
    ),
    Entry(
        name="timm resnet26d",
        make=timm("resnet26d"),
        skips=Skips(identity=4, projection=4),
        because="2+2+2+2 bottlenecks; a projection is average pooling before a 1x1 convolution",
    ),
    Entry(
        name="timm densenet121",
        make=timm("densenet121"),
        skips=Skips(concat=58),
        because="6+12+24+16 layers, each of whose outputs is appended: 58 cats of > 1 features",
    ),
    Entry(
        name="timm convnext_atto",
        make=timm("convnext_atto"),
        skips=Skips(identity=12),
        because="2+2+6+2 blocks; LayerScale sits on the branch, downsampling between the stages",
        is_light=True,
    ),
    Entry(
        name="timm convnext_tiny",
        make=timm("convnext_tiny"),
        skips=Skips(identity=18),
        because="3+3+9+3 blocks",
        is_slow=True,
    ),
    Entry(
        name="timm convnextv2_atto",
        make=timm("convnextv2_atto"),
        skips=Skips(identity=12),
        because=(
            "2+2+6+2 blocks. Debatable: GRN is x + gamma x N(x) + beta; its branch has no layer "
            "but a per-channel gain, so it is the inside of a normalisation and no skip"
        ),
    ),
    Entry(
        name="timm vit_tiny_patch16",
        make=timm("vit_tiny_patch16_224", img_size=64),
        skips=Skips(identity=24),
        because="12 layers, one skip around attention and one around the MLP",
        is_light=True,
    ),
    Entry(
        name="timm deit3_small",
        make=timm("deit3_small_patch16_224", img_size=64),
        skips=Skips(identity=24),
        because="12 layers of 2; LayerScale multiplies the branch, the skip stays the identity",
    ),
    Entry(
        name="timm cait_xxs24",
        make=timm("cait_xxs24_224", img_size=64),
        skips=Skips(identity=48 + 4),
        because="24 layers of 2, then 2 class-attention layers of 2 on the class token",
        wrong=(
            "51 found: the first class-attention layer adds to the class token itself, a "
            "parameter, and what carries no signal of the input is not counted"
        ),
    ),
    Entry(
        name="timm mixer_s32",
        make=timm("mixer_s32_224", img_size=64),
        skips=Skips(identity=16),
        because="8 layers, one skip around the token MLP and one around the channel MLP",
        is_light=True,
    ),
    Entry(
        name="timm gmixer_12",
        make=timm("gmixer_12_224", img_size=64),
        skips=Skips(identity=24),
        because="12 layers of 2; a GLU multiplies two halves of one layer's output: no skip",
    ),
    Entry(
        name="timm swin_tiny",
        make=timm("swin_tiny_patch4_window7_224", 56, img_size=56),
        skips=Skips(identity=24),
        because="2+2+6+2 blocks of 2; patch merging between the stages has no skip",
    ),
    Entry(
        name="timm efficientnet_b0",
        make=timm("efficientnet_b0"),
        skips=Skips(identity=9, gated=16),
        because="repeats 1,2,2,3,3,4,1: all but the first of a stage have a skip; 16 SE gates",
        is_light=True,
    ),
    Entry(
        name="timm mobilenetv3_small",
        make=timm("mobilenetv3_small_100"),
        skips=Skips(identity=6, gated=9),
        because="11 blocks, 6 keep stride and width; SE in 1 of 16, 3 of 40, 2 of 48, 3 of 96",
    ),
    Entry(
        name="timm regnety_002",
        make=timm("regnety_002"),
        skips=Skips(identity=9, projection=4, gated=13),
        because="1+1+4+7 blocks, the first of each stage strides; each has an SE gate",
    ),
    Entry(
        name="timm coatnet_pico",
        make=timm("coatnet_pico_rw_224", img_size=64),
        skips=Skips(identity=15, projection=4, gated=5),
        because=(
            "5 MBConv blocks with SE and 7 transformer blocks of 2; the first of each of the 4 "
            "stages strides, its shortcut pools (and expands)"
        ),
    ),
    Entry(
        name="timm maxvit_rmlp_pico",
        make=timm("maxvit_rmlp_pico_rw_256", img_size=64),
        skips=Skips(identity=51, projection=4, gated=11),
        because="2+2+5+2 blocks of MBConv with SE, window attention (2) and grid attention (2)",
        is_slow=True,
    ),
    Entry(
        name="timm poolformer_s12",
        make=timm("poolformer_s12"),
        skips=Skips(identity=24),
        because="2+2+6+2 blocks of 2; the mixer pool(x) - x is a filter without a layer",
    ),
    Entry(
        name="timm poolformerv2_s12",
        make=timm("poolformerv2_s12"),
        skips=Skips(identity=8, scaled=16),
        because="2+2+6+2 blocks of 2; in the last two stages a learned ResScale is on the skip",
    ),
    Entry(
        name="timm nfnet_l0",
        make=timm("nfnet_l0"),
        skips=Skips(identity=8, projection=4, gated=12),
        because="1+2+6+3 blocks, the first of each stage projects (after pooling), SE in each",
    ),
    Entry(
        name="timm resnetv2_50",
        make=timm("resnetv2_50"),
        skips=Skips(identity=12, projection=4),
        because="pre-activation ResNet-50; the projection starts after the first norm",
    ),
    Entry(
        name="timm inception_resnet_v2",
        make=timm("inception_resnet_v2", 96),
        skips=Skips(identity=40, concat=2),
        because=(
            "10+20+10 residual Inception blocks (the last without activation); in Mixed_6a and "
            "Mixed_7a a pooling without weights is one of the concatenated ways"
        ),
        is_slow=True,
    ),
    Entry(
        name="timm inception_v3",
        make=timm("inception_v3", 160, batch=4),
        skips=Skips(concat=2),
        because=(
            "parallel convolutions are no skip; debatable: in Mixed_6a and Mixed_7a max pooling "
            "without a layer goes around the convolutions into the concatenation: 2 concat"
        ),
    ),
    Entry(
        name="timm vgg11_bn",
        make=timm("vgg11_bn", 32),
        skips=Skips(),
        because="a plain chain",
    ),
    Entry(
        name="timm cspdarknet53",
        make=timm("cspdarknet53"),
        skips=Skips(identity=23, concat=5),
        because=(
            "1+2+8+8+4 residual blocks; in each of 5 stages one half of the channels goes past "
            "them into the concatenation (Wang 2020, CSPNet, figure 2)"
        ),
        is_slow=True,
    ),
    Entry(
        name="torchvision resnet18",
        make=torchvision("resnet18"),
        skips=Skips(identity=5, projection=3),
        because="as timm's; in-place `out += identity` and in-place ReLU",
    ),
    Entry(
        name="torchvision vit",
        make=_small_torchvision_vit,
        skips=Skips(identity=8),
        because="4 layers of 2; fused attention",
        is_light=True,
    ),
    Entry(
        name="torchvision mobilenet_v2",
        make=torchvision("mobilenet_v2"),
        skips=Skips(identity=10),
        because="repeats 1,2,3,4,3,3,1: all but the first of a stage have a skip",
    ),
    Entry(
        name="torchvision squeezenet1_1",
        make=torchvision("squeezenet1_1"),
        skips=Skips(),
        because="a Fire module concatenates two convolutions of the same squeeze: no skip",
    ),
    Entry(
        name="torchvision shufflenet_v2",
        make=torchvision("shufflenet_v2_x0_5"),
        skips=Skips(concat=13),
        because=(
            "4+8+4 units; in all but the first of a stage one half of the channels goes past the "
            "branch of the other half into a cat (Ma 2018, section 3, feature reuse)"
        ),
    ),
    Entry(
        name="torchvision googlenet",
        make=torchvision("googlenet", aux_logits=False, init_weights=False),
        skips=Skips(),
        because="each of the four ways of an Inception module has a convolution",
    ),
)
