"""More of timm and torchvision: one model of each further family of architectures."""

from __future__ import annotations

from zoo.entry import Entry, Made, Skips
from zoo.image_models import timm, torchvision


def _video() -> Made:
    import torch
    from torchvision.models import get_model

    return get_model("r3d_18", num_classes=10), torch.randn(1, 3, 8, 32, 32)


MORE_IMAGE_MODELS = (
    Entry(
        name="timm beit_base",
        make=timm("beit_base_patch16_224", 224),
        skips=Skips(identity=24),
        because="12 layers of 2; LayerScale on the branch, relative positions in the scores",
        is_slow=True,
    ),
    Entry(
        name="timm convmixer_768_32",
        make=timm("convmixer_768_32"),
        skips=Skips(identity=32),
        because="32 layers: a skip around each depthwise convolution, none around the pointwise",
    ),
    Entry(
        name="timm convit_tiny",
        make=timm("convit_tiny", 224),
        skips=Skips(identity=24),
        because="12 layers of 2",
        is_slow=True,
    ),
    Entry(
        name="timm coat_lite_tiny",
        make=timm("coat_lite_tiny", 224),
        skips=Skips(identity=16 + 8),
        because=(
            "2+2+2+2 blocks of 2, each with a depthwise position encoding that is added to its "
            "input; the class token that is put before the patches again is no skip"
        ),
    ),
    Entry(
        name="timm crossvit_9",
        make=timm("crossvit_9_240", 240),
        skips=Skips(identity=24 + 6),
        because="3 stages of 1 and 3 blocks of 2, and 2 cross-attentions with a skip in each stage",
    ),
    Entry(
        name="timm dpn48b",
        make=timm("dpn48b"),
        skips=Skips(identity=12, projection=4, concat=12),
        because=(
            "16 dual-path blocks add some channels and concatenate others; the first of each of 4 "
            "stages projects what it adds and concatenates (Chen 2017, figure 2)"
        ),
    ),
    Entry(
        name="timm edgenext_xx_small",
        make=timm("edgenext_xx_small", 128),
        skips=Skips(identity=9 + 6 + 3, concat=6),
        because=(
            "2+2+6+2 blocks: 9 convolutional ones of 1 skip, 3 with transposed attention of 2; "
            "these split the channels into 2, 3 and 4 parts, as Res2Net does: 0+1+2 sums with the "
            "part before, 1+2+3 parts that go around later ones into the concatenation"
        ),
    ),
    Entry(
        name="timm efficientformer_l1",
        make=timm("efficientformer_l1", 224),
        skips=Skips(identity=24 + 6),
        because="3+2+6+4 blocks of 2",
    ),
    Entry(
        name="timm fasternet_t0",
        make=timm("fasternet_t0"),
        skips=Skips(identity=13, concat=13),
        because=(
            "1+2+8+2 blocks; in each a partial convolution leaves three quarters of the channels "
            "as they are and concatenates them (Chen 2023, figure 4)"
        ),
    ),
    Entry(
        name="timm gcvit_xxtiny",
        make=timm("gcvit_xxtiny", 224),
        skips=Skips(identity=24 + 4 + 7, gated=11),
        because=(
            "2+2+6+2 blocks of 2; fused MBConv with SE: 1 in the stem, 3 between the stages, and "
            "3+2+1+1 in the generators of the global query"
        ),
        is_slow=True,
    ),
    Entry(
        name="timm ghostnet_050",
        make=timm("ghostnet_050"),
        skips=Skips(identity=11, projection=5, gated=7, concat=32),
        because=(
            "16 bottlenecks, 5 of which change the shape (a separable convolution is the "
            "shortcut); 2 ghost modules in each concatenate features with cheap ones made of "
            "them; SE in 7 of them (Han 2020, table 1)"
        ),
    ),
    Entry(
        name="timm gmlp_ti16",
        make=timm("gmlp_ti16_224", 224),
        skips=Skips(identity=30, gated=30),
        because="30 blocks, and in each a half of the channels gated by the other, mixed in space",
    ),
    Entry(
        name="timm hiera_small",
        make=timm("hiera_small_224", 224),
        skips=Skips(identity=29, projection=3),
        because="1+2+11+2 blocks of 2; the first of stages 2 to 4 projects and pools its shortcut",
        is_slow=True,
    ),
    Entry(
        name="timm hrnet_w18_small",
        make=timm("hrnet_w18_small"),
        skips=Skips(identity=18, projection=1 + 4),
        because=(
            "stage 1 a bottleneck (projects), then 2, 3 and 4 resolutions of 2 blocks; 4 "
            "bottlenecks of the head. What is exchanged between resolutions are parallel ways"
        ),
    ),
    Entry(
        name="timm levit_128s",
        make=timm("levit_128s", 224),
        skips=Skips(identity=18 + 2),
        because="2+3+4 blocks of 2; after each of 2 attentions that shrink, a residual MLP",
    ),
    Entry(
        name="timm mobilevit_xxs",
        make=timm("mobilevit_xxs", 128),
        skips=Skips(identity=18 + 3, concat=3),
        because=(
            "2+4+3 transformer layers of 2; 3 inverted bottlenecks of equal shape; 3 fusions "
            "concatenate the input (Mehta 2022, figure 1)"
        ),
    ),
    Entry(
        name="timm mvitv2_small",
        make=timm("mvitv2_small", 224),
        skips=Skips(identity=16 + 13 + 16, projection=3),
        because=(
            "16 blocks: the pooled query is added to the attention, then a skip around attention "
            "(pooled or widened in 3) and one around the MLP"
        ),
        is_slow=True,
    ),
    Entry(
        name="timm pit_ti",
        make=timm("pit_ti_224", 224),
        skips=Skips(identity=24),
        because="2+6+4 blocks of 2",
    ),
    Entry(
        name="timm pvt_v2_b0",
        make=timm("pvt_v2_b0", 224),
        skips=Skips(identity=16),
        because="2+2+2+2 blocks of 2",
    ),
    Entry(
        name="timm rexnet_100",
        make=timm("rexnet_100"),
        skips=Skips(identity=11, gated=13),
        because=(
            "16 blocks, 11 of stride 1 add their input to the first of their (more) channels; SE "
            "in the 13 blocks of the last stages"
        ),
    ),
    Entry(
        name="timm sam2_hiera_tiny",
        make=timm("sam2_hiera_tiny", 224),
        skips=Skips(identity=21, projection=3),
        because="1+2+7+2 blocks of 2; the first of stages 2 to 4 projects and pools its shortcut",
    ),
    Entry(
        name="timm skresnet18",
        make=timm("skresnet18"),
        skips=Skips(identity=5, projection=3, gated=8),
        because="ResNet-18 with a selective kernel in each block, which weighs two convolutions",
    ),
    Entry(
        name="timm tiny_vit_5m",
        make=timm("tiny_vit_5m_224", 224),
        skips=Skips(identity=2 + 20),
        because="2 MBConv blocks, then 2+6+2 blocks of 2",
    ),
    Entry(
        name="timm tnt_s",
        make=timm("tnt_s_legacy_patch16_224", 224),
        skips=Skips(identity=48),
        because="12 blocks with 2 skips on the pixels and 2 on the patches",
        wrong=(
            "1 projection more: in the first block the projected pixels are added to patches that "
            "were made of the pixels by one linear layer"
        ),
        is_slow=True,
    ),
    Entry(
        name="timm tresnet_m",
        make=timm("tresnet_m"),
        skips=Skips(identity=18, projection=3, gated=18),
        because="3+4+11+3 blocks, the first of stages 2 to 4 projects; SE in the first 3 stages",
    ),
    Entry(
        name="timm twins_svt_small",
        make=timm("twins_svt_small", 224),
        skips=Skips(identity=36 + 4),
        because="2+2+10+4 blocks of 2, and a position encoding by convolution in each stage",
    ),
    Entry(
        name="timm volo_d1",
        make=timm("volo_d1_224", 224),
        skips=Skips(identity=36 + 4),
        because="4+14 blocks of 2, then 2 class-attention blocks of 2",
        is_slow=True,
    ),
    Entry(
        name="timm ese_vovnet19b_slim_dw",
        make=timm("ese_vovnet19b_slim_dw"),
        skips=Skips(gated=4, concat=12),
        because=(
            "4 modules aggregate their input and 3 layers at once: the input and 2 layers go "
            "around later ones; each module has an SE gate (Lee 2020)"
        ),
    ),
    Entry(
        name="timm xception41p",
        make=timm("xception41p", 96),
        skips=Skips(identity=8, projection=4),
        because="12 blocks, 4 change the shape",
        is_slow=True,
    ),
    Entry(
        name="torchvision densenet121",
        make=torchvision("densenet121"),
        skips=Skips(concat=58),
        because="6+12+24+16 layers, each of whose outputs is appended",
    ),
    Entry(
        name="torchvision efficientnet_v2_s",
        make=torchvision("efficientnet_v2_s"),
        skips=Skips(identity=35, gated=30),
        because="2+4+4+6+9+15 blocks, 5 change the shape; SE in the last 3 stages",
        is_slow=True,
    ),
    Entry(
        name="torchvision mnasnet0_5",
        make=torchvision("mnasnet0_5"),
        skips=Skips(identity=10),
        because="3+3+3+2+4+1 blocks, all but the first of a stage have a skip",
    ),
    Entry(
        name="torchvision swin_v2_t",
        make=torchvision("swin_v2_t"),
        skips=Skips(identity=24),
        because="2+2+6+2 blocks of 2, normalised after the branch",
    ),
    Entry(
        name="torchvision fcn_resnet50",
        make=torchvision("fcn_resnet50", weights_backbone=None),
        skips=Skips(identity=12, projection=4),
        because="ResNet-50 with dilations, a plain head",
        is_slow=True,
    ),
    Entry(
        name="torchvision r3d_18",
        make=_video,
        skips=Skips(identity=5, projection=3),
        because="ResNet-18 in three dimensions",
    ),
)
