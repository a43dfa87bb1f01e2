"""Architectures of the held-out cases: none of them was looked at while the rules were set."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GatedConv(nn.Module):
    """A WaveNet block: x + project(tanh(a) * sigmoid(b)), a and b from a dilated convolution."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.filter = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.project = nn.Conv1d(width, width, 1)
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        a, b = self.filter(x).chunk(2, 1)
        y = self.project(torch.tanh(a) * torch.sigmoid(b))
        return x + y if self.has_skip else y


class WaveNet(nn.Module):
    """Dilated gated convolutions over time, dilations repeated."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.front = nn.Conv1d(12, width, 1)
        self.stack = nn.ModuleList(GatedConv(width, 2 ** (k % 4)) for k in range(depth))
        self.out = nn.Conv1d(width, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores for each time."""
        x = self.front(x)
        for block in self.stack:
            x = block(x)
        scores: Tensor = self.out(F.relu(x))
        return scores


class MixerLayer(nn.Module):
    """A token MLP and a channel MLP, each around a skip (Tolstikhin et al. 2021)."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm_t, self.norm_c = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix_t = _mlp(tokens, 2 * tokens)
        self.mix_c = _mlp(width, 2 * width)
        self.skips_t = self.skips_c = True

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        t = self.mix_t(self.norm_t(x).transpose(1, 2)).transpose(1, 2)
        x = x + t if self.skips_t else t
        c = self.mix_c(self.norm_c(x))
        return x + c if self.skips_c else c


class Mixer(nn.Module):
    """An embedding, mixer layers, the mean over tokens, a head."""

    def __init__(self, depth: int, tokens: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(12, width)
        self.layer = nn.Sequential(*(MixerLayer(tokens, width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.head(self.norm(self.layer(self.embed(x))).mean(1))
        return logits


class ParallelLayer(nn.Module):
    """x + attention(norm(x)) + mlp(norm(x)), as in GPT-J and PaLM."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, 4, batch_first=True)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.close = nn.Identity()
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        h = self.ln(x)
        mixed, _ = self.attn(h, h, h, need_weights=False)
        y = self.close(mixed + self.down(F.silu(self.up(h))))
        return x + y if self.has_skip else y


class ParallelTransformer(nn.Module):
    """Layers kept as attributes and called by name."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(12, width)
        self.depth = depth
        for k in range(depth):
            self.add_module(f"layer{k}", ParallelLayer(width))
        self.outlet = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Scores for each token."""
        x = self.inlet(x)
        for k in range(self.depth):
            x = self.get_submodule(f"layer{k}")(x)
        scores: Tensor = self.outlet(x)
        return scores


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions with batch norm around a skip (ResNet-50)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        middle = c_out // 2
        self.body = nn.Sequential(
            OrderedDict(
                reduce=nn.Conv2d(c_in, middle, 1, bias=False),
                norm1=nn.BatchNorm2d(middle),
                relu1=nn.ReLU(),
                conv=nn.Conv2d(middle, middle, 3, stride, 1, bias=False),
                norm2=nn.BatchNorm2d(middle),
                relu2=nn.ReLU(),
                expand=nn.Conv2d(middle, c_out, 1, bias=False),
                norm3=nn.BatchNorm2d(c_out),
            )
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Conv2d(c_in, c_out, 1, stride)
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        y = self.body(x)
        return F.relu(y + self.shortcut(x) if self.has_skip else y)


def bottlenecks(count: int, width: int) -> nn.Module:
    """Two stages of `count` bottlenecks each, one after the other in an nn.Sequential."""
    stages = [Bottleneck(width, width, 1) for _ in range(count)]
    stages += [Bottleneck(width, 2 * width, 2)]
    stages += [Bottleneck(2 * width, 2 * width, 1) for _ in range(count - 1)]
    net = nn.Sequential(
        nn.Conv2d(3, width, 3, 1, 1),
        nn.Sequential(*stages),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 7),
    )
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    return net


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7, layer norm over channels, two 1x1 (Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.pw1, self.pw2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        h = self.norm(self.dw(x).permute(0, 2, 3, 1))
        h = self.pw2(F.gelu(self.pw1(h))).permute(0, 3, 1, 2)
        return x + h if self.has_skip else h


class ConvNeXt(nn.Module):
    """A patch embedding and one stage of blocks."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 2, 2)
        self.features = nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth)))
        self.classifier = nn.Linear(width, 6)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.classifier(self.features(self.patch(x)).mean((2, 3)))
        return logits


class GIN(nn.Module):
    """x + MLP(norm(x + sum of the neighbours)) with a dense adjacency (Xu et al. 2019)."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(12, width)
        self.mlps = nn.ModuleList(_mlp(width, width) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.readout = nn.Linear(width, 2)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """A score for the graph."""
        x = self.encoder(x)
        for mlp, norm in zip(self.mlps, self.norms, strict=True):
            gathered = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
            h = mlp(norm(x + gathered))
            x = x + h if getattr(mlp, "has_skip", True) else h
        score: Tensor = self.readout(x.mean(0, keepdim=True))
        return score


class ResidualUNet(nn.Module):
    """A U-Net whose levels are residual blocks with group norm, as in diffusion models."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, 1, 1)
        self.down = nn.ModuleList(_NormedPair(width) for _ in range(6))
        self.up = nn.ModuleList(_NormedPair(width) for _ in range(6))
        self.merge = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for _ in range(2))
        self.leave = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A picture."""
        x = self.enter(x)
        kept = []
        for k, block in enumerate(self.down):
            x = block(x)
            if k % 3 == 2:
                kept.append(x)
                x = F.avg_pool2d(x, 2)
        for k, block in enumerate(self.up):
            if k % 3 == 0:
                x = F.interpolate(x, scale_factor=2.0)
                x = self.merge[k // 3](torch.cat([x, kept.pop()], 1))
            x = block(x)
        picture: Tensor = self.leave(x)
        return picture


class _NormedPair(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(4, width), nn.GroupNorm(4, width)
        self.conv1 = nn.Conv2d(width, width, 3, 1, 1)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1)
        self.has_skip = True

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return x + h if self.has_skip else h


class Wide(nn.Module):
    """x + 0.5 (W2 elu(W1 x)): one item of an nn.Sequential."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.w1, self.w2 = nn.Linear(width, width), nn.Linear(width, width)
        self.scale, self.has_skip = scale, True

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        y = self.w2(F.elu(self.w1(x))) * self.scale
        return x + y if self.has_skip else y


def sequential(depth: int, width: int) -> nn.Sequential:
    """A residual MLP as one nn.Sequential, with PyTorch's own weights."""
    blocks = (Wide(width, 0.5) for _ in range(depth))
    return nn.Sequential(nn.Linear(12, width), *blocks, nn.ELU(), nn.Linear(width, 9))


def _mlp(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
