"""Reference models: small, readable, each after its paper, built from the parts of `plusone.nn`.

Models come with a twin without skips, which has the same parameters wherever a skip has none.
"""

from plusone.nn.models.attention import AdditiveAttention, GeneralAttention
from plusone.nn.models.branch_only import BranchOnly
from plusone.nn.models.densenet import DenseNet
from plusone.nn.models.graph_net import GraphNet, normalized_adjacency
from plusone.nn.models.mlp import MLP
from plusone.nn.models.preactivation import PreActResNet
from plusone.nn.models.residual_methods import residual_stack
from plusone.nn.models.resnet import ResNet
from plusone.nn.models.seq2seq import Seq2Seq
from plusone.nn.models.transformer import ImageTransformer, TextTransformer, Transformer
from plusone.nn.models.unet import UNet

__all__ = [
    "MLP",
    "AdditiveAttention",
    "BranchOnly",
    "DenseNet",
    "GeneralAttention",
    "GraphNet",
    "ImageTransformer",
    "PreActResNet",
    "ResNet",
    "Seq2Seq",
    "TextTransformer",
    "Transformer",
    "UNet",
    "normalized_adjacency",
    "residual_stack",
]
