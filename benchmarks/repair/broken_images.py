"""Convolutional networks that do not train, as users write them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DeepCNN(nn.Module):
    """A VGG grown to 30 convolutions, without any norm."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = self._make_layers([(16, 10), (24, 10), (32, 10)])
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(inplace=True), nn.Linear(32, 10))

    @staticmethod
    def _make_layers(stages: list[tuple[int, int]]) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels = 1
        for width, depth in stages:
            for _ in range(depth):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(F.avg_pool2d(x, 2))
        return self.classifier(x.flatten(1))


class FunctionalCNN(nn.Module):
    """Layers as attributes, activations and pooling as functions; weights from N(0, 0.01)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv4 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv5 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv6 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv7 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv8 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv9 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv10 = nn.Conv2d(32, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, mean=0.0, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        x = F.relu(self.conv4(x))
        x = F.max_pool2d(F.relu(self.conv5(x)), 2)
        x = F.relu(self.conv6(x))
        x = F.relu(self.conv7(x))
        x = F.relu(self.conv8(x))
        x = F.relu(self.conv9(x))
        x = F.max_pool2d(F.relu(self.conv10(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


class BareBasicBlock(nn.Module):
    """The basic block of a ResNet whose norms were taken out."""

    def __init__(self, in_planes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.conv1(x))
        out = self.conv2(out)
        out += self.shortcut(x)
        return F.relu(out)


class ResNetWithoutNorm(nn.Module):
    """60 blocks, weights as He et al. draw them, no norm: the signal doubles at each block."""

    def __init__(self, num_blocks: int = 20) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False)
        self.layer1 = self._stage(8, 8, num_blocks, 1)
        self.layer2 = self._stage(8, 16, num_blocks, 2)
        self.layer3 = self._stage(16, 32, num_blocks, 2)
        self.linear = nn.Linear(32, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(in_planes: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
        layers = [BareBasicBlock(in_planes, planes, stride)]
        layers += [BareBasicBlock(planes, planes) for _ in range(blocks - 1)]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.conv1(x))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.adaptive_avg_pool2d(out, 1).flatten(1)
        return self.linear(out)


def conv_bn(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PlainNet(nn.Module):
    """He et al.'s plain net: batch norm behind each of its 74 convolutions, and no skips."""

    def __init__(self, per_stage: int = 24) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 12, 2), conv_bn(12, 12))
        widths = [12, 12, 24, 32]
        self.stages = nn.ModuleList()
        for inputs, outputs in pairwise(widths):
            layers = [conv_bn(inputs, outputs, 1 if inputs == outputs else 2)]
            layers += [conv_bn(outputs, outputs) for _ in range(per_stage - 1)]
            self.stages.append(nn.Sequential(*layers))
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.fc(x.mean(dim=(2, 3)))


class DoubleConv(nn.Module):
    """(convolution, batch norm, ReLU) twice."""

    def __init__(self, in_ch: int, out_ch: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(in_ch, out_ch, 3, padding=1),
            nn.BatchNorm2d(out_ch),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_ch, out_ch, 3, padding=1),
            nn.BatchNorm2d(out_ch),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UNetWithoutSkips(nn.Module):
    """A U-Net down to 2 x 2 whose up path reads nothing of the way down."""

    def __init__(self) -> None:
        super().__init__()
        self.inc = DoubleConv(1, 8)
        self.down1 = DoubleConv(8, 16)
        self.down2 = DoubleConv(16, 24)
        self.down3 = DoubleConv(24, 32)
        self.down4 = DoubleConv(32, 32)
        self.down5 = DoubleConv(32, 32)
        self.up5 = nn.ConvTranspose2d(32, 32, 2, stride=2)
        self.conv5 = DoubleConv(32, 32)
        self.up4 = nn.ConvTranspose2d(32, 32, 2, stride=2)
        self.conv4 = DoubleConv(32, 32)
        self.up3 = nn.ConvTranspose2d(32, 24, 2, stride=2)
        self.conv3 = DoubleConv(24, 24)
        self.up2 = nn.ConvTranspose2d(24, 16, 2, stride=2)
        self.conv2 = DoubleConv(16, 16)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.conv1 = DoubleConv(8, 8)
        self.outc = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(F.max_pool2d(x1, 2))
        x3 = self.down2(F.max_pool2d(x2, 2))
        x4 = self.down3(F.max_pool2d(x3, 2))
        x5 = self.down4(F.max_pool2d(x4, 2))
        x6 = self.down5(F.max_pool2d(x5, 2))
        x = self.conv5(self.up5(x6))
        x = self.conv4(self.up4(x))
        x = self.conv3(self.up3(x))
        x = self.conv2(self.up2(x))
        x = self.conv1(self.up1(x))
        return self.outc(x)


class BypassedAutoencoder(nn.Module):
    """An autoencoder with 4 numbers in the middle, and a long skip that goes around them."""

    def __init__(self, latent: int = 4) -> None:
        super().__init__()
        self.enc1 = nn.Conv2d(1, 8, 3, padding=1)
        self.enc2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.enc3 = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.to_latent = nn.Linear(16 * 7 * 7, latent)
        self.from_latent = nn.Linear(latent, 16 * 7 * 7)
        self.dec3 = nn.ConvTranspose2d(16, 16, 2, stride=2)
        self.dec2 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec1 = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        e1 = F.relu(self.enc1(x))
        e3 = F.relu(self.enc3(F.relu(self.enc2(e1))))
        z = self.to_latent(e3.flatten(1))
        d = F.relu(self.from_latent(z)).view(-1, 16, 7, 7)
        d = F.relu(self.dec2(F.relu(self.dec3(d))))
        return self.dec1(torch.cat([d, e1], dim=1))
