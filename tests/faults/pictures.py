"""Convolutional nets: residual with and without batch norm, VGG-like, and a U-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """act(skip(x) + F(x)) as in ResNet, with a projection where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, has_norm: bool = True) -> None:
        super().__init__()
        norm = nn.BatchNorm2d if has_norm else nn.Identity
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=not has_norm)
        self.bn1 = norm(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=not has_norm)
        self.bn2 = norm(c_out)
        self.down: nn.Module | None = None
        if stride != 1 or c_in != c_out:
            self.down = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), norm(c_out))
        self.scale = 1.0
        self.has_skip = True

    def branch(self, x: Tensor) -> Tensor:
        """F(x)."""
        out: Tensor = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return out * self.scale if self.scale != 1.0 else out

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out = self.branch(x)
        if self.has_skip:
            out = out + (self.down(x) if self.down is not None else x)
        return F.relu(out)


class ResNet(nn.Module):
    """A small ResNet of stages with `counts` blocks, the width doubled from stage to stage."""

    def __init__(self, counts: tuple[int, ...] = (4, 4), width: int = 8, *, has_norm: bool = True):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width) if has_norm else nn.Identity()
        stages, c_in = [], width
        for k, count in enumerate(counts):
            c_out = width * 2**k
            blocks = []
            for j in range(count):
                stride = 2 if k and not j else 1
                blocks.append(ConvBlock(c_in, c_out, stride, has_norm=has_norm))
                c_in = c_out
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(c_in, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        x = self.stages(F.relu(self.bn(self.stem(x))))
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def resnet(
    counts: tuple[int, ...] = (4, 4), *, seed: int = 0, has_norm: bool = True, width: int = 8
) -> ResNet:
    """A ResNet with He's weights; without batch norm each branch is scaled by depth**-0.5."""
    torch.manual_seed(seed)
    net = ResNet(counts, width, has_norm=has_norm)
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in")
        if isinstance(part, ConvBlock) and not has_norm:
            part.scale = sum(counts) ** -0.5
    return net


def vgg(depth: int, width: int = 8, *, seed: int = 0, has_norm: bool = False) -> nn.Sequential:
    """A plain stack of convolutions with ReLU and He's weights."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    c_in = 3
    for _ in range(depth):
        layers += [nn.Conv2d(c_in, width, 3, 1, 1)]
        layers += [nn.BatchNorm2d(width)] if has_norm else []
        layers += [nn.ReLU()]
        c_in = width
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return net


class Double(nn.Module):
    """Two convolutions with batch norm and ReLU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Features."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    """Down, bottom, up, with a concatenation on each level."""

    def __init__(self, depth: int = 3, width: int = 8) -> None:
        super().__init__()
        sizes = [width * 2**k for k in range(depth)]
        ins = [3, *sizes[:-1]]
        self.down = nn.ModuleList(Double(i, o) for i, o in zip(ins, sizes, strict=True))
        self.bottom = Double(sizes[-1], sizes[-1])
        up = list(reversed(sizes))
        outs = [*up[1:], width]
        self.up = nn.ModuleList(Double(2 * i, o) for i, o in zip(up, outs, strict=True))
        self.out = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A score for each pixel."""
        kept = []
        for down in self.down:
            x = down(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for up in self.up:
            x = F.interpolate(x, scale_factor=2.0)
            x = up(torch.cat([x, kept.pop()], 1))
        scores: Tensor = self.out(x)
        return scores


def unet(depth: int = 3, width: int = 8, *, seed: int = 0) -> UNet:
    """A U-Net in PyTorch's own initialisation."""
    torch.manual_seed(seed)
    return UNet(depth, width)


def images(batch: int = 4, size: int = 16, *, seed: int = 100) -> Tensor:
    """A batch of standard normal pictures."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))
