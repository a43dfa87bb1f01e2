"""Models that nothing was settled on: run for the first time when the rules stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diagnostics.bottleneck_cases import sentences
from diagnostics.bypass_cases import digits
from diagnostics.case import Built, Case, first_output, giving_back, silenced
from diagnostics.detail_cases import picture


def _masked(model: nn.Module, size: int = 64) -> Built:
    """With one of three classes for each pixel: as many numbers come out as go in."""
    x = picture(size)
    classes = (x.sum(1) > 0).long()
    return Built(model=model, inputs=x, targets=classes, loss_fn=class_loss)


def class_loss(result: object, classes: Tensor) -> Tensor:
    return F.cross_entropy(first_output(result), classes)


def _smp(name: str, encoder: str, size: int = 64, *, empty: bool = False) -> Built:
    import segmentation_models_pytorch as smp

    model = getattr(smp, name)(encoder, encoder_weights=None, classes=3)
    if empty:
        silenced(model.encoder)
    return _masked(model, size)


def _monai(name: str, *args: Any, shape: tuple[int, ...], **options: Any) -> Built:
    import monai.networks.nets as nets

    return Built(model=getattr(nets, name)(*args, **options), inputs=torch.randn(shape))


def _glpn() -> Built:
    """Depth from features at four resolutions."""
    from transformers import GLPNConfig, GLPNForDepthEstimation

    config = GLPNConfig(
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 2, 3, 4],
        depths=[1, 1, 1, 1],
        decoder_hidden_size=16,
    )
    return Built(model=GLPNForDepthEstimation(config), inputs={"pixel_values": picture()})


class Lraspp(nn.Module):
    """MobileNet's last features alone, as class scores, interpolated."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import mobilenet_v3_small

        self.features = mobilenet_v3_small().features
        self.scores = nn.Conv2d(576, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.scores(self.features(x))
        return F.interpolate(scores, size=x.shape[2:], mode="bilinear")


def _torchvision(name: str) -> Built:
    from torchvision.models import segmentation

    return _masked(getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=3))


class Enhancer(nn.Module):
    """Speech in frames of sixteen samples: a mask between a learned basis and its inverse."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.back = nn.Conv1d(1, 64, 16, 8), nn.ConvTranspose1d(64, 1, 16, 8)
        self.mask = nn.Sequential(nn.Conv1d(64, 64, 3, padding=1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.into(x))
        out: Tensor = self.back(h * self.mask(h))
        return out


def _enhancer() -> Built:
    x = torch.randn(2, 1, 264)
    return Built(model=Enhancer(), inputs=x, targets=x.tanh(), loss_fn=F.mse_loss)


class Translator(nn.Module):
    """A bidirectional encoder of two layers whose last states start the decoder."""

    def __init__(self, *, attends: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 24)
        self.reader = nn.LSTM(24, 24, 2, batch_first=True, bidirectional=True)
        self.start = nn.Linear(48, 24)
        self.writer = nn.GRU(24, 24, batch_first=True)
        self.attention = nn.MultiheadAttention(24, 2, kdim=48, vdim=48, batch_first=True)
        self.head = nn.Linear(24, 30)
        self.attends = attends

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        states, (h, _) = self.reader(self.words(source))
        start = torch.tanh(self.start(torch.cat((h[-2], h[-1]), 1)))
        written, _ = self.writer(self.words(target), start[None])
        if self.attends:
            written = written + self.attention(written, states, states)[0]
        out: Tensor = self.head(written)
        return out


class Forecaster(nn.Module):
    """Series of eight channels through one small code, or step by step."""

    def __init__(self, *, coded: bool) -> None:
        super().__init__()
        self.first, self.code = nn.Linear(8 * 48, 128), nn.Linear(128, 6)
        self.hidden, self.out = nn.Linear(6, 256), nn.Linear(256, 8 * 24)
        self.steps = nn.Linear(48, 24)
        self.coded = coded

    def forward(self, x: Tensor) -> Tensor:
        if not self.coded:
            out: Tensor = self.steps(x.mT).mT
            return out
        h = torch.relu(self.code(torch.relu(self.first(x.flatten(1)))))
        out = self.out(torch.relu(self.hidden(h)))
        return out.view(-1, 24, 8)


def _marian(*, first_alone: bool) -> Built:
    from transformers import MarianConfig, MarianMTModel

    config = MarianConfig(
        vocab_size=30,
        d_model=24,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        pad_token_id=0,
        eos_token_id=1,
        forced_eos_token_id=1,
        decoder_start_token_id=0,
    )
    model = MarianMTModel(config)
    if first_alone:
        forward = model.model.encoder.forward

        def first(*args: Any, **options: Any) -> Any:
            found = forward(*args, **options)
            found.last_hidden_state = found.last_hidden_state[:, :1]
            return found

        model.model.encoder.forward = first
    words = sentences()
    return Built(model=model, inputs={"input_ids": words, "decoder_input_ids": words})


def _hf(kind: str, **options: Any) -> Built:
    import transformers

    config = getattr(transformers, f"{kind}Config")(**options)
    model = transformers.AutoModelForMaskedLM.from_config(config)
    return Built(model=model, inputs={"input_ids": sentences()})


class Points(nn.Module):
    """PointNet's classes for each point: features of the point, and of the whole cloud or not."""

    def __init__(self, *, around: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 64), nn.Linear(64, 8)
        self.last, self.head = nn.Linear(8 + (64 if around else 3), 64), nn.Linear(64, 4)
        self.around = around

    def forward(self, x: Tensor) -> Tensor:
        local = torch.relu(self.first(x))
        whole = self.second(local).amax(1, keepdim=True).expand(-1, x.shape[1], -1)
        beside = local if self.around else torch.zeros(*x.shape[:2], 3)
        out: Tensor = self.head(torch.relu(self.last(torch.cat((whole, beside), 2))))
        return out


class Sequences(nn.Module):
    """A recurrent VAE over series; the decoder may also read the encoder's states."""

    def __init__(self, *, peeks: bool) -> None:
        super().__init__()
        self.reader, self.latent = nn.GRU(4, 32, batch_first=True), nn.Linear(32, 12)
        self.writer = nn.GRU(6 + (32 if peeks else 0), 32, batch_first=True)
        self.out, self.peeks = nn.Linear(32, 4), peeks

    def forward(self, x: Tensor) -> Tensor:
        states, h = self.reader(x)
        mean, log_variance = self.latent(h[-1]).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        read = z[:, None].expand(-1, x.shape[1], -1)
        if self.peeks:
            read = torch.cat((read, states), 2)
        out: Tensor = self.out(self.writer(read)[0])
        return out


class Linked(nn.Module):
    """MONAI's autoencoder with the picture's edges added to what it gives back."""

    def __init__(self, *, linked: bool) -> None:
        super().__init__()
        import monai.networks.nets as nets

        self.net = nets.AutoEncoder(2, 1, 1, (8, 8, 4), (2, 2, 2))
        self.edges, self.linked = nn.Conv2d(1, 1, 3, padding=1), linked

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out + self.edges(x) if self.linked else out


def _vqvae() -> Built:
    steps = {
        "downsample_parameters": ((2, 4, 1, 1),) * 2,
        "upsample_parameters": ((2, 4, 1, 1, 0),) * 2,
    }
    built = _monai("VQVAE", 2, 1, 1, (8, 8), 1, (8, 8), shape=(16, 1, 32, 32), **steps)
    return giving_back(built.model, digits())


def _tiny() -> Built:
    from diffusers import AutoencoderTiny

    model = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    return giving_back(model, torch.randn(8, 3, 32, 32))


Maker = Callable[[], Built]
_MISSES = {
    ("S105", "torchvision: LRASPP"): "small for phones; its finest features are an eighth of the "
    "picture a side, which S105 calls a fault"
}


def _cases(code: str, fault: bool, made: dict[str, Maker]) -> Iterator[Case]:
    for title, build in made.items():
        source, name = title.split(": ")
        miss = _MISSES.get((code, title), "")
        yield Case(code=code, name=name, source=source, has_fault=fault, build=build, miss=miss)


def faulty() -> Iterator[Case]:
    yield from _cases(
        "S105",
        True,
        {
            "smp: UnetPlusPlus mobilenet_v2, emptied": lambda: _smp(
                "UnetPlusPlus", "mobilenet_v2", empty=True
            ),
            "smp: MAnet efficientnet-b0, emptied": lambda: _smp(
                "MAnet", "efficientnet-b0", empty=True
            ),
            "torchvision: MobileNet's last features": lambda: Built(
                model=Lraspp(), inputs=picture()
            ),
            "torchvision: DeepLabV3 MobileNet": lambda: _torchvision(
                "deeplabv3_mobilenet_v3_large"
            ),
            "own: code of 12 numbers to masks": lambda: Built(
                model=nn.Sequential(
                    nn.Flatten(),
                    nn.Linear(3 * 4096, 12),
                    nn.Linear(12, 4096),
                    nn.Unflatten(1, (1, 64, 64)),
                    nn.Conv2d(1, 2, 3, padding=1),
                ),
                inputs=picture(),
            ),
        },
    )
    yield from _cases(
        "S106",
        True,
        {
            "own: bidirectional LSTM, last states": lambda: Built(
                model=Translator(attends=False), inputs=(sentences(), sentences())
            ),
            "own: series through a code": lambda: Built(
                model=Forecaster(coded=True), inputs=torch.randn(4, 48, 8)
            ),
            "own: points from their cloud's maximum": lambda: Built(
                model=Points(around=False), inputs=torch.randn(2, 100, 3)
            ),
            "transformers: Marian, first token alone": lambda: _marian(first_alone=True),
        },
    )
    yield from _cases(
        "S107",
        True,
        {
            "own: recurrent VAE that peeks": lambda: Built(
                model=Sequences(peeks=True), inputs=torch.randn(16, 20, 4)
            ),
            "monai: AutoEncoder with edges added": lambda: giving_back(
                Linked(linked=True), digits()
            ),
            "smp: FPN as autoencoder": lambda: giving_back(
                _smp("FPN", "resnet18").model, torch.randn(8, 3, 64, 64)
            ),
        },
    )


def healthy() -> Iterator[Case]:
    pictures: dict[str, Maker] = {
        "smp: Unet mobilenet_v2": lambda: _smp("Unet", "mobilenet_v2"),
        "smp: PAN resnet18": lambda: _smp("PAN", "resnet18", 128),
        "smp: UPerNet efficientnet-b0": lambda: _smp("UPerNet", "efficientnet-b0", 128),
        "monai: BasicUNetPlusPlus": lambda: _monai(
            "BasicUNetPlusPlus", 2, 1, 2, (8, 8, 16, 32, 64, 8), shape=(2, 1, 32, 32)
        ),
        "monai: FlexibleUNet": lambda: _monai(
            "FlexibleUNet", 3, 2, "efficientnet-b0", shape=(2, 3, 64, 64), is_pad=False
        ),
        "monai: DynUNet 3-D": lambda: _monai(
            "DynUNet", 3, 1, 2, [3, 3, 3], [1, 2, 2], [2, 2], shape=(1, 1, 16, 16, 16)
        ),
        "monai: DiffusionModelUNet": _diffusion,
        "transformers: GLPN": _glpn,
        "torchvision: LRASPP": lambda: _torchvision("lraspp_mobilenet_v3_large"),
        "own: speech by a learned basis": _enhancer,
    }
    yield from _cases("S105", False, pictures)
    yield from _cases(
        "S106",
        False,
        {
            **pictures,
            "own: bidirectional LSTM, attention": lambda: Built(
                model=Translator(attends=True), inputs=(sentences(), sentences())
            ),
            "own: series step by step": lambda: Built(
                model=Forecaster(coded=False), inputs=torch.randn(4, 48, 8)
            ),
            "own: points and their cloud's maximum": lambda: Built(
                model=Points(around=True), inputs=torch.randn(2, 100, 3)
            ),
            "transformers: Marian": lambda: _marian(first_alone=False),
            "transformers: DistilBERT": lambda: _hf(
                "DistilBert", vocab_size=30, dim=24, n_layers=1, n_heads=2, hidden_dim=48
            ),
            "transformers: Albert, narrow embedding": lambda: _hf(
                "Albert",
                vocab_size=30,
                embedding_size=8,
                hidden_size=64,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=64,
            ),
        },
    )
    yield from _cases(
        "S107",
        False,
        {
            "own: recurrent VAE": lambda: Built(
                model=Sequences(peeks=False), inputs=torch.randn(16, 20, 4)
            ),
            "monai: AutoEncoder, edges unused": lambda: giving_back(Linked(linked=False), digits()),
            "monai: VQVAE": _vqvae,
            "diffusers: AutoencoderTiny": _tiny,
            "monai: BasicUNetPlusPlus": pictures["monai: BasicUNetPlusPlus"],
            "own: speech by a learned basis": _enhancer,
        },
    )


def _diffusion() -> Built:
    import monai.networks.nets as nets

    model = nets.DiffusionModelUNet(
        2,
        1,
        1,
        num_res_blocks=1,
        channels=(8, 16, 16),
        attention_levels=(False, False, True),
        norm_num_groups=4,
        num_head_channels=8,
    )
    return Built(model=model, inputs=(torch.randn(2, 1, 32, 32), torch.tensor([3, 500])))
