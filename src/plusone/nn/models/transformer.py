"""Transformers with a chosen residual method, for text and for images.

Vaswani et al. 2017 (arXiv 1706.03762): layers of self-attention and of a feed-forward network, each
a branch of the method that `residual_methods` puts around it. Images are cut into patches
(Dosovitskiy et al. 2021, arXiv 2010.11929), whose mean over positions is classified. Weights:
Glorot and Bengio 2010, uniform, biases zero, embeddings and positions of deviation 0.02 (BERT's and
GPT-2's); DeepNorm's as its paper says.

Test: two skips a layer of the kind that the method has; a causal net's output does not depend on
later tokens; methods that start as a pre-norm net agree with it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plusone.errors import InputError
from plusone.nn.init.initialize import initialize_
from plusone.nn.join import checked_count
from plusone.nn.models.checks import check_tokens
from plusone.nn.models.residual_methods import NORMED_END, Method, residual_stack
from plusone.nn.models.resnet import check_images, zero_bias


class SelfAttention(nn.Module):
    """Attention of x [N, T, width] with itself; with `causal`, of each position with those before.

    Raises:
        InputError: the heads do not divide the width.
    """

    def __init__(self, width: int, num_heads: int, *, causal: bool = False) -> None:
        super().__init__()
        if num_heads < 1 or width % num_heads:
            raise InputError(f"num_heads is {num_heads}; it must divide the width {width}.")
        self.num_heads = num_heads
        self.causal = causal
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._heads(part(x)) for part in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output

    def _heads(self, x: Tensor) -> Tensor:
        """[N, T, width] to [N, heads, T, width / heads]."""
        batch, length, _ = x.shape
        return x.view(batch, length, self.num_heads, -1).transpose(1, 2)


def feed_forward(width: int, expansion: int = 4) -> nn.Sequential:
    """W2 gelu(W1 x) at each position."""
    return nn.Sequential(
        nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
    )


class Transformer(nn.Module):
    """The layers alone: `forward(x [N, T, width])` to the same shape.

    A layer is two branches, so that `num_layers` have 2 * num_layers skips. Methods whose stream is
    not normed by the last block end with a layer norm.
    """

    def __init__(
        self,
        width: int,
        *,
        num_layers: int,
        num_heads: int = 4,
        method: Method = "pre",
        causal: bool = False,
    ) -> None:
        super().__init__()
        checked_count(num_layers, "num_layers")
        branches = [
            branch
            for _ in range(num_layers)
            for branch in (SelfAttention(width, num_heads, causal=causal), feed_forward(width))
        ]
        for module in (m for branch in branches for m in branch.modules()):
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.blocks = residual_stack(branches, width, method=method)
        self.norm = nn.LayerNorm(width) if method in NORMED_END else None
        if method == "deepnorm":
            initialize_(self.blocks, "deepnorm", unscaled=("*.query", "*.key"))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(x)
        if self.norm is not None:
            y = self.norm(y)
        return y


class TextTransformer(nn.Module):
    """`forward(tokens [N, T])` to logits [N, T, num_tokens] of the token at each position.

    With `causal=True` a position sees itself and those before it: a language model.
    """

    def __init__(
        self,
        num_tokens: int,
        *,
        width: int = 64,
        num_layers: int = 4,
        num_heads: int = 4,
        method: Method = "pre",
        max_length: int = 256,
        causal: bool = True,
    ) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.embedding = nn.Embedding(num_tokens, width)
        self.positions = nn.Parameter(torch.empty(max_length, width))
        self.body = Transformer(
            width, num_layers=num_layers, num_heads=num_heads, method=method, causal=causal
        )
        self.head = nn.Linear(width, num_tokens)
        for weight in (self.embedding.weight, self.positions, self.head.weight):
            nn.init.normal_(weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Raises:
        InputError: `tokens` is no [N, T] of tokens, or T is more than `max_length`.
        """
        check_tokens(tokens, "tokens [N, T]", self.num_tokens)
        if tokens.shape[1] > len(self.positions):
            raise InputError(
                f"The model has {len(self.positions)} positions; got {tokens.shape[1]} tokens. "
                "max_length= makes more."
            )
        x = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        logits: Tensor = self.head(self.body(x))
        return logits


class ImageTransformer(nn.Module):
    """`forward(images [N, num_channels, S, S])`, S the image size, to logits [N, num_classes].

    Raises:
        InputError: the patches do not fill the image.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        image_size: int = 32,
        patch_size: int = 4,
        num_channels: int = 3,
        width: int = 64,
        num_layers: int = 4,
        num_heads: int = 4,
        method: Method = "pre",
    ) -> None:
        super().__init__()
        if patch_size < 1 or image_size % patch_size:
            raise InputError(
                f"patch_size is {patch_size}; it must divide the image size {image_size}."
            )
        self.num_channels = num_channels
        self.image_size = image_size
        self.patches = nn.Conv2d(num_channels, width, patch_size, patch_size)
        self.positions = nn.Parameter(torch.empty((image_size // patch_size) ** 2, width))
        self.body = Transformer(width, num_layers=num_layers, num_heads=num_heads, method=method)
        self.head = nn.Linear(width, num_classes)
        nn.init.normal_(self.positions, std=0.02)
        nn.init.xavier_uniform_(self.patches.weight.view(width, -1))
        zero_bias(self.patches)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Raises:
        InputError: the images have other channels or another size.
        """
        check_images(images, self.num_channels)
        if tuple(images.shape[2:]) != (self.image_size, self.image_size):
            raise InputError(
                f"The model takes images of {self.image_size} x {self.image_size}; got shape "
                f"{tuple(images.shape)}."
            )
        x = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        logits: Tensor = self.head(self.body(x).mean(1))
        return logits
