"""Networks without a fault for vectors, images and graphs, as users write them."""

from __future__ import annotations

import torch
from benchmarks.repair.broken_graphs import GraphConvolution
from benchmarks.repair.broken_images import DoubleConv, conv_bn
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.target.torchvision import make_importable


def shallow_mlp() -> nn.Module:
    """3 hidden layers with ReLU."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128),
        nn.ReLU(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


class DigitsNet(nn.Module):
    """Layer norm, GELU, dropout: a common tabular network."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.norm1 = nn.Linear(64, 128), nn.LayerNorm(128)
        self.fc2, self.norm2 = nn.Linear(128, 128), nn.LayerNorm(128)
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(F.gelu(self.norm1(self.fc1(x))))
        x = self.drop(F.gelu(self.norm2(self.fc2(x))))
        return self.out(x)


class LeNet(nn.Module):
    """Two convolutions and two linear layers (LeCun et al. 1998, with ReLU)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 5, padding=2)
        self.fc1 = nn.Linear(16 * 7 * 7, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def vgg_bn() -> nn.Module:
    """8 convolutions with batch norm and no skips: not deep enough to need any."""
    return nn.Sequential(
        conv_bn(3, 16),
        conv_bn(16, 16),
        nn.MaxPool2d(2),
        conv_bn(16, 32),
        conv_bn(32, 32),
        nn.MaxPool2d(2),
        conv_bn(32, 48),
        conv_bn(48, 48),
        nn.MaxPool2d(2),
        conv_bn(48, 64),
        conv_bn(64, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


class BasicBlock(nn.Module):
    """The basic block of a ResNet for CIFAR."""

    def __init__(self, in_planes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet20(nn.Module):
    """3 stages of 3 blocks, the first on half the size."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[BasicBlock(16, 16) for _ in range(3)])
        self.layer2 = nn.Sequential(BasicBlock(16, 32, 2), BasicBlock(32, 32), BasicBlock(32, 32))
        self.layer3 = nn.Sequential(BasicBlock(32, 64, 2), BasicBlock(64, 64), BasicBlock(64, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


class DenseLayer(nn.Module):
    """Batch norm, ReLU, convolution; then the input beside the output."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class SmallDenseNet(nn.Module):
    """Two dense blocks of 6 layers with growth 8 and a transition between them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.dense1 = nn.Sequential(*[DenseLayer(16 + 8 * i, 8) for i in range(6)])
        self.transition = nn.Sequential(
            nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 32, 1, bias=False), nn.AvgPool2d(2)
        )
        self.dense2 = nn.Sequential(*[DenseLayer(32 + 8 * i, 8) for i in range(6)])
        self.norm = nn.BatchNorm2d(80)
        self.fc = nn.Linear(80, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense2(self.transition(self.dense1(self.stem(x))))
        return self.fc(F.relu(self.norm(x)).mean((2, 3)))


class UNet(nn.Module):
    """A U-Net of 4 levels with its skips."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = DoubleConv(1, 8)
        self.down1 = DoubleConv(8, 16)
        self.down2 = DoubleConv(16, 32)
        self.down3 = DoubleConv(32, 32)
        self.up3 = nn.ConvTranspose2d(32, 32, 2, stride=2)
        self.conv3 = DoubleConv(64, 16)
        self.up2 = nn.ConvTranspose2d(16, 16, 2, stride=2)
        self.conv2 = DoubleConv(32, 8)
        self.up1 = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.conv1 = DoubleConv(16, 8)
        self.outc = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.down2(F.max_pool2d(x2, 2))
        x4 = self.down3(F.max_pool2d(x3, 2))
        x = self.conv3(torch.cat([x3, self.up3(x4)], dim=1))
        x = self.conv2(torch.cat([x2, self.up2(x)], dim=1))
        x = self.conv1(torch.cat([x1, self.up1(x)], dim=1))
        return self.outc(x)


class Autoencoder(nn.Module):
    """4 numbers in the middle and nothing around them."""

    def __init__(self, latent: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, 16 * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (16, 7, 7)),
            nn.ConvTranspose2d(16, 16, 2, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(8, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class GCN(nn.Module):
    """The GCN of Kipf and Welling (2017): 2 layers, dropout."""

    def __init__(self, features: int = 1433, hidden: int = 16, classes: int = 7) -> None:
        super().__init__()
        self.gc1 = GraphConvolution(features, hidden)
        self.gc2 = GraphConvolution(hidden, classes)

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor) -> Tensor:
        x = F.relu(self.gc1(x, edges, weights))
        x = F.dropout(x, 0.5, training=self.training)
        return self.gc2(x, edges, weights)


def timm_resnet18() -> nn.Module:
    """resnet18 of timm."""
    return _timm("resnet18")


def timm_vit_tiny() -> nn.Module:
    """vit_tiny of timm on patches of 8 x 8."""
    return _timm("vit_tiny_patch16_224", img_size=32, patch_size=8)


def _timm(name: str, **options: int) -> nn.Module:
    make_importable()
    import timm

    return timm.create_model(name, num_classes=10, **options)
