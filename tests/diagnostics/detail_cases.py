"""S105: nets that paint a picture from a coarse one, and nets that keep its detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diagnostics.case import Built, Case, giving_back, silenced
from plusone.nn.models.unet import UNet


def picture(size: int = 64, channels: int = 3, batch: int = 2) -> Tensor:
    return torch.randn(batch, channels, size, size)


def _case(name: str, source: str, build: Callable[[], Built], fault: bool, miss: str = "") -> Case:
    return Case(code="S105", name=name, source=source, has_fault=fault, build=build, miss=miss)


def _smp(name: str, size: int = 64, *, empty: bool = False, **options: Any) -> Built:
    import segmentation_models_pytorch as smp

    encoder = options.pop("encoder", "resnet18")
    model = getattr(smp, name)(encoder, encoder_weights=None, classes=2, **options)
    if empty:
        silenced(model.encoder)
    return Built(model=model, inputs=picture(size))


def _monai(name: str, *args: Any, shape: tuple[int, ...] = (2, 1, 32, 32), **options: Any) -> Built:
    import monai.networks.nets as nets

    return Built(model=getattr(nets, name)(*args, **options), inputs=torch.randn(shape))


_UNET = (2, 1, 2, (8, 16, 32, 64), (2, 2, 2))


def _monai_unet_without() -> Built:
    from monai.networks.layers.simplelayers import SkipConnection

    built = _monai("UNet", *_UNET)
    for module in built.model.modules():
        if isinstance(module, SkipConnection):
            inner = module.submodule
            module.forward = lambda x, f=inner: torch.cat((torch.zeros_like(x), f(x)), 1)
    return built


def _segresnet_without() -> Built:
    built = _monai("SegResNet", 2, 8, 1, 2)
    decode = built.model.decode
    built.model.decode = lambda x, down: decode(x, [torch.zeros_like(t) for t in down])
    return built


def _unet(outputs: int, levels: int, skips: Any, *, masks: bool = False) -> Built:
    channels = 1 if masks else 3
    model = UNet(outputs, num_channels=channels, width=8, num_levels=levels, skips=skips)
    x = picture(64, channels)
    if not masks:
        return Built(model=model, inputs=x)
    return Built(model=model, inputs=x, targets=(x > 0).float(), loss_fn=F.mse_loss)


class Stack(nn.Module):
    """Strided convolutions down, and doubled resolutions up, in one to three dimensions."""

    def __init__(self, axes: int, levels: int) -> None:
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        self.down = nn.ModuleList(conv(8 if k else 1, 8, 3, 2, 1) for k in range(levels))
        self.up = nn.ModuleList(conv(8, 8, 3, 1, 1) for _ in range(levels))
        self.head = conv(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.down:
            x = torch.relu(layer(x))
        for layer in self.up:
            x = torch.relu(layer(F.interpolate(x, scale_factor=2.0)))
        out: Tensor = self.head(x)
        return out


class Painted(nn.Module):
    """Class scores at the tokens of a vision transformer, interpolated (SETR, naive)."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import ViTConfig, ViTModel

        config = ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=64,
            patch_size=16,
        )
        self.vit = ViTModel(config, add_pooling_layer=False)
        self.head = nn.Conv2d(32, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.vit(x).last_hidden_state[:, 1:]
        scores = self.head(tokens.transpose(1, 2).reshape(len(x), 32, 4, 4))
        return F.interpolate(scores, size=x.shape[2:], mode="bilinear")


class Timed(nn.Module):
    """A denoiser that is told the time, around a net of one channel."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.net(x + t[:, None, None, None])
        return out


def _kl(channels: int, levels: int, *, back: bool) -> Built:
    from diffusers import AutoencoderKL

    widths = (16,) * levels
    model = AutoencoderKL(
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=widths,
        norm_num_groups=4,
    )
    x = picture(32)
    return giving_back(model, x) if back else Built(model=model, inputs=x)


def _fcn() -> Built:
    from torchvision.models.segmentation import fcn_resnet50

    return Built(model=fcn_resnet50(num_classes=2, weights_backbone=None), inputs=picture())


def _diffusers_unet() -> Built:
    from diffusers import UNet2DModel

    model = UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * 4,
        up_block_types=("UpBlock2D",) * 4,
        block_out_channels=(16,) * 4,
        norm_num_groups=4,
    )
    return Built(model=model, inputs={"sample": picture(16), "timestep": torch.tensor([3, 500])})


def _dit() -> Built:
    from diffusers import DiTTransformer2DModel

    model = DiTTransformer2DModel(
        num_attention_heads=4,
        attention_head_dim=64,
        in_channels=4,
        num_layers=2,
        sample_size=32,
        patch_size=8,
        num_embeds_ada_norm=10,
        norm_num_groups=8,
    )
    inputs = {
        "hidden_states": picture(32, 4),
        "timestep": torch.tensor([3, 500]),
        "class_labels": torch.tensor([1, 2]),
    }
    return Built(model=model, inputs=inputs)


def _swin2sr() -> Built:
    from transformers import Swin2SRConfig, Swin2SRForImageSuperResolution

    config = Swin2SRConfig(
        image_size=16, embed_dim=12, depths=(2,), num_heads=(2,), window_size=4, upscale=2
    )
    return Built(model=Swin2SRForImageSuperResolution(config), inputs=picture(16))


def _super_resolution() -> Built:
    body = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 192, 3, padding=1)
    )
    return Built(model=nn.Sequential(body, nn.PixelShuffle(8)), inputs=picture(16))


def _unshuffled() -> Built:
    body = nn.Sequential(nn.Conv2d(192, 192, 3, padding=1), nn.ReLU(), nn.Conv2d(192, 192, 1))
    net = nn.Sequential(nn.PixelUnshuffle(8), body, nn.PixelShuffle(8))
    x = picture()
    return Built(model=net, inputs=x, targets=x.sign(), loss_fn=F.mse_loss)


def faulty() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, True, miss)

    yield add("UNet, 3 levels, no skips", "plusone", lambda: _unet(2, 3, "none"))
    yield add(
        "UNet, 4 levels, no skips, grey masks", "plusone", lambda: _unet(1, 4, "none", masks=True)
    )
    yield add(
        "convolutions 1-D, 4 levels",
        "own",
        lambda: Built(model=Stack(1, 4), inputs=torch.randn(2, 1, 64)),
    )
    yield add(
        "convolutions 2-D, 3 levels", "own", lambda: Built(model=Stack(2, 3), inputs=picture(64, 1))
    )
    yield add(
        "convolutions 3-D, 3 levels",
        "own",
        lambda: Built(model=Stack(3, 3), inputs=torch.randn(2, 1, 16, 16, 16)),
    )
    yield add(
        "denoiser told the time, no skips",
        "own",
        lambda: Built(
            model=Timed(_unet(1, 4, "none", masks=True).model),
            inputs=(picture(64, 1), torch.rand(2)),
        ),
    )
    yield add("UNet, skips emptied", "monai", _monai_unet_without)
    yield add("SegResNet, skips emptied", "monai", _segresnet_without)
    yield add("Unet, skips emptied", "smp", lambda: _smp("Unet", empty=True))
    yield add("Linknet, skips emptied", "smp", lambda: _smp("Linknet", empty=True))
    yield add("FPN, skips emptied", "smp", lambda: _smp("FPN", 128, empty=True))
    yield add("DeepLabV3", "smp", lambda: _smp("DeepLabV3"))
    yield add("PSPNet", "smp", lambda: _smp("PSPNet", 96))
    yield add("FCN", "torchvision", _fcn)
    yield add(
        "ViT, interpolated scores", "transformers", lambda: Built(model=Painted(), inputs=picture())
    )
    yield add("AutoencoderKL as depth estimator", "diffusers", lambda: _kl(1, 4, back=False))
    yield add(
        "UNet, 3 levels, no skips, grey, no targets",
        "plusone",
        lambda: Built(model=_unet(1, 3, "none", masks=True).model, inputs=picture(64, 1)),
        miss="without targets nothing tells it from an autoencoder: the report says so",
    )


def healthy() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, False, miss)

    yield add("UNet, 4 levels, concatenated", "plusone", lambda: _unet(2, 4, "concat"))
    yield add(
        "UNet, 4 levels, added, grey masks", "plusone", lambda: _unet(1, 4, "add", masks=True)
    )
    yield add("UNet, 2 levels, no skips", "plusone", lambda: _unet(2, 2, "none"))
    yield add(
        "UNet, 4 levels, no skips, autoencoder",
        "plusone",
        lambda: giving_back(_unet(1, 4, "none", masks=True).model, picture(64, 1)),
    )
    yield add("super-resolution by pixel shuffle", "own", _super_resolution)
    yield add("unshuffled and shuffled", "own", _unshuffled)
    yield add("UNet", "monai", lambda: _monai("UNet", *_UNET))
    yield add("BasicUNet", "monai", lambda: _monai("BasicUNet", 2, 1, 2, (8, 8, 16, 32, 64, 8)))
    yield add("AttentionUnet", "monai", lambda: _monai("AttentionUnet", *_UNET))
    yield add("SegResNet", "monai", lambda: _monai("SegResNet", 2, 8, 1, 2))
    yield add(
        "SwinUNETR",
        "monai",
        lambda: _monai("SwinUNETR", 1, 2, feature_size=12, spatial_dims=2, shape=(1, 1, 64, 64)),
    )
    yield add("Unet", "smp", lambda: _smp("Unet"))
    yield add("UnetPlusPlus", "smp", lambda: _smp("UnetPlusPlus"))
    yield add("Linknet", "smp", lambda: _smp("Linknet"))
    yield add("FPN", "smp", lambda: _smp("FPN", 128))
    yield add("MAnet", "smp", lambda: _smp("MAnet"))
    yield add("UPerNet", "smp", lambda: _smp("UPerNet", 128))
    yield add("DeepLabV3Plus", "smp", lambda: _smp("DeepLabV3Plus"))
    yield add("Segformer", "smp", lambda: _smp("Segformer", encoder="mit_b0"))
    yield add("UNet2D", "diffusers", _diffusers_unet)
    yield add("DiT, patches of 8", "diffusers", _dit)
    yield add("AutoencoderKL", "diffusers", lambda: _kl(3, 4, back=True))
    yield add("Swin2SR", "transformers", _swin2sr)
