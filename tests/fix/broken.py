"""Nets that do not train as they are, each written in the way that users write such nets."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 64


class FunctionalMLP(nn.Module):
    """Activations in the forward, layers in a list: nothing to wrap but the layers."""

    def __init__(self, depth: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first = nn.Linear(64, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        self.head = nn.Linear(WIDTH, 10)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.first(x))
        for layer in self.layers:
            x = self.activation(layer(x))
        logits: Tensor = self.head(x)
        return logits


def plain_mlp(depth: int = 40) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(64, WIDTH), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


def tanh_stack(depth: int = 40) -> nn.Module:
    return FunctionalMLP(depth, torch.tanh)


def sigmoid_stack(depth: int = 12) -> nn.Module:
    return FunctionalMLP(depth, torch.sigmoid)


class PlainCNN(nn.Module):
    """Stages that halve the resolution and double the channels, no norm, no skip."""

    def __init__(self, per_stage: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
        for channels in (16, 32):
            for _ in range(per_stage):
                layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
            layers += [nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x.view(-1, 1, 8, 8)).mean((2, 3)))
        return logits


class GraphConv(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ self.linear(x)


class PlainGCN(nn.Module):
    def __init__(self, inputs: int, classes: int, depth: int = 24, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.convs = nn.ModuleList(GraphConv(width, width) for _ in range(depth))
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = F.relu(self.embed(x))
        for conv in self.convs:
            x = F.relu(conv(x, adjacency))
        logits: Tensor = self.head(x)
        return logits


class ScaledBlock(nn.Module):
    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.down(F.relu(self.up(x)))


def over_scaled(depth: int = 30, scale: float = 6.0) -> nn.Module:
    blocks = (ScaledBlock(WIDTH, scale) for _ in range(depth))
    return nn.Sequential(nn.Linear(64, WIDTH), *blocks, nn.Linear(WIDTH, 10))


class ConvBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


class BareResNet(nn.Module):
    def __init__(self, depth: int = 40, channels: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(depth)))
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(x.view(-1, 1, 8, 8))).mean((2, 3)))
        return logits


class PostNormBlock(nn.Module):
    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.norm2 = nn.LayerNorm(width)
        for p in self.mlp.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attn(x, x, x, need_weights=False)[0])
        out: Tensor = self.norm2(x + self.mlp(x))
        return out


class RowTransformer(nn.Module):
    """The rows of a digit as tokens."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(0.1 * torch.randn(8, width))
        self.encoder = encoder
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.encoder(self.embed(x.view(-1, 8, 8)) + self.position)
        logits: Tensor = self.head(tokens.mean(1))
        return logits


def post_norm_written(depth: int = 40, width: int = 32) -> nn.Module:
    return RowTransformer(nn.Sequential(*(PostNormBlock(width) for _ in range(depth))), width)


def post_norm_torch(depth: int = 40, width: int = 32) -> nn.Module:
    layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
    for p in encoder.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    return RowTransformer(encoder, width)


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(),
    )


class NoSkipUNet(nn.Module):
    """A U-Net from which the long skips were left out."""

    def __init__(self, channels: int = 8, classes: int = 3, inputs: int = 1) -> None:
        super().__init__()
        self.down1 = _double(inputs, channels)
        self.down2 = _double(channels, 2 * channels)
        self.down3 = _double(2 * channels, 4 * channels)
        self.middle = _double(4 * channels, 4 * channels)
        self.up3 = _double(4 * channels, 4 * channels)
        self.up2 = _double(4 * channels, 2 * channels)
        self.up1 = _double(2 * channels, channels)
        self.head = nn.Conv2d(channels, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.down1(x), 2)
        x = F.max_pool2d(self.down2(x), 2)
        x = F.max_pool2d(self.down3(x), 2)
        x = self.middle(x)
        x = self.up3(F.interpolate(x, scale_factor=2))
        x = self.up2(F.interpolate(x, scale_factor=2))
        x = self.up1(F.interpolate(x, scale_factor=2))
        out: Tensor = self.head(x)
        return out


class Seq2Seq(nn.Module):
    """The last state of the encoder is all that the decoder hears."""

    def __init__(self, tokens: int = 10, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens + 1, width)
        self.encoder = nn.LSTM(width, width, batch_first=True)
        self.decoder = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, tokens)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        _, state = self.encoder(self.embed(source))
        out, _ = self.decoder(self.embed(target), state)
        logits: Tensor = self.head(out)
        return logits


def badly_started(depth: int = 8, std: float = 0.01) -> nn.Module:
    model = plain_mlp(depth)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=std)
        else:
            nn.init.zeros_(p)
    return model


def exploding_plain(depth: int = 20) -> nn.Module:
    model = plain_mlp(depth)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.normal_(p, std=3 * math.sqrt(2 / WIDTH))
    return model


class PlainViT(nn.Module):
    """Attention and feed-forward layers without a skip: rank collapses."""

    def __init__(self, depth: int = 12, width: int = 32) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.append(
                nn.ModuleDict(
                    {
                        "norm": nn.LayerNorm(width),
                        "attn": nn.MultiheadAttention(width, 4, batch_first=True),
                        "mlp": nn.Sequential(
                            nn.LayerNorm(width),
                            nn.Linear(width, 2 * width),
                            nn.GELU(),
                            nn.Linear(2 * width, width),
                        ),
                    }
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            h = block["norm"](x)
            x = block["mlp"](block["attn"](h, h, h, need_weights=False)[0])
        return x


def plain_vit() -> nn.Module:
    return RowTransformer(PlainViT(), 32)


class StackedLSTM(nn.Module):
    def __init__(self, depth: int = 10, width: int = 32) -> None:
        super().__init__()
        sizes = [8] + [width] * depth
        self.rnns = nn.ModuleList(nn.LSTM(a, width, batch_first=True) for a in sizes[:-1])
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 8, 8)
        for rnn in self.rnns:
            x, _ = rnn(x)
        logits: Tensor = self.head(x[:, -1])
        return logits


def plain_batchnorm(depth: int = 60) -> nn.Module:
    layers: list[nn.Module] = [nn.Linear(64, WIDTH)]
    for _ in range(depth):
        layers += [nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))
