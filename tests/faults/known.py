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

_GATE = (
    "its last layers see the trunk only through learnable factors of 1e-5, so the gradient there "
    "really is that small until they have opened"
)
_TINY = "at this toy width its weights of standard deviation 0.02 really lose 1.2 decades a layer"

_CODE = (
    "through its code of six units, with PyTorch's own weights, the gradient really falls by 2.5 "
    "decades; the verdict knows no nets with a code, and this one trains on digits all the same"
)
_CHANCE = "its 24 units lose more of the geometry than those of other seeds: 46 % likely to train"

_COARSE = (
    "S105 is right: it paints full pictures from features at an eighth of their size, and its "
    "authors' later model adds a skip for that"
)

# "name (mode)" of healthy models.
HEALTHY = {
    "autoencoder (train)": _CODE,
    "autoencoder (eval)": _CODE,
    "post-norm mlp seed=1 of 10 (train)": _CHANCE,
    "post-norm mlp seed=1 of 10 (eval)": _CHANCE,
}
ZOO = {
    "timm cait_xxs24 (train)": _GATE,
    "timm cait_xxs24 (eval)": _GATE,
    "hf perceiver (train)": _TINY,
    "hf perceiver (eval)": _TINY,
    "smp DeepLabV3 resnet18 (train)": _COARSE,
    "smp DeepLabV3 resnet18 (eval)": _COARSE,
    "smp PSPNet resnet18 (train)": _COARSE,
    "smp PSPNet resnet18 (eval)": _COARSE,
    "torchvision fcn_resnet50 (train)": _COARSE,
    "torchvision fcn_resnet50 (eval)": _COARSE,
}
