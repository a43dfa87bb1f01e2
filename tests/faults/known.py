"""What is known to be missed or wrongly accused, and why: each case here must still fail."""

from __future__ import annotations

_NOISE = "by chance the blocks of this narrow net differ by too much to tell a factor of 2"
_EDGE = "at the end of the depth, with peers on one side alone, a factor of 2 is too near to chance"
_ACCUSED = "of its blocks, narrow and without a norm, one is by chance half as strong as its peers"

# "kind: name" of faults, in the words of the case.
FAULTS = {
    "missing skip: no skip: norm-free resnet of 10, block 7": _ACCUSED,
    "dead branch: times zero: norm-free resnet of 10, block 7": _ACCUSED,
    "dead branch: two zero layers: norm-free resnet of 10, block 7": _ACCUSED,
    "dead branch: dead units: norm-free resnet of 10, block 7": _ACCUSED,
    "gain of one block: gain of 2: post-norm mlp of 10, block 3": _NOISE,
    "gain of one block: gain of 2: post-norm mlp of 10, block 7": _NOISE,
    "gain of one block: gain of 2: norm-free resnet of 10, block 3": _NOISE,
    "gain of one block: gain of 2: norm-free resnet of 10, block 7": _NOISE,
    "gain of one block: gain of 2: mlp of 12, block 0": _EDGE,
    "gain of one block: gain of 2: mlp of 12, block 11": _EDGE,
    "gain of one block: gain of 2: pre-norm mlp of 16, block 15": _EDGE,
    "gain of one block: gain of 2: pre-norm mlp depth=200 of 200, block 110": _NOISE,
}

_FRESH = (
    "its batch norms run on statistics that were never updated, so that the signal really drifts; "
    "in train mode it is silent"
)
_GATE = (
    "its last layers see the trunk only through learnable factors of 1e-5, so the gradient there "
    "really is that small until they have opened"
)
_FEW = (
    "on this small picture its last batch norms see two numbers a channel and make -1 and 1 of "
    "them; on 160 pixels it is silent"
)
_TINY = "at this toy width its weights of standard deviation 0.02 really lose 1.2 decades a layer"

# "name (mode)" of healthy models.
HEALTHY = {
    "batch-norm mlp seed=0 of 20 (eval)": _FRESH,
    "batch-norm mlp seed=1 of 20 (eval)": _FRESH,
    "batch-norm mlp seed=2 of 20 (eval)": _FRESH,
    "resnet depth=30 of 30 (eval)": _FRESH,
    "bottlenecks seed=2 of 14 (eval)": _FRESH,
}
ZOO = {
    "timm cait_xxs24 (train)": _GATE,
    "timm cait_xxs24 (eval)": _GATE,
    "timm inception_v3 (train)": _FEW,
    "timm inception_v3 (eval)": _FRESH,
    "hf perceiver (train)": _TINY,
    "hf perceiver (eval)": _TINY,
    **{
        f"{name} (eval)": _FRESH
        for name in (
            "timm inception_resnet_v2",
            "timm convmixer_768_32",
            "timm levit_128s",
            "timm ese_vovnet19b_slim_dw",
            "timm efficientnet_b0",
            "timm ghostnet_050",
            "timm xception41p",
            "torchvision mobilenet_v2",
            "torchvision shufflenet_v2",
            "torchvision googlenet",
            "torchvision efficientnet_v2_s",
            "torchvision mnasnet0_5",
        )
    },
}
