"""S107: autoencoders whose decoder has the input by another way, and those whose latent is all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diagnostics.case import Built, Case, giving_back
from diagnostics.detail_cases import _diffusers_unet, _monai, _unet
from plusone.nn.models.unet import UNet

_SAMPLES = 16


def _case(name: str, source: str, build: Callable[[], Built], fault: bool, miss: str = "") -> Case:
    return Case(code="S107", name=name, source=source, has_fault=fault, build=build, miss=miss)


def digits() -> Tensor:
    """Smooth pictures [16, 1, 32, 32], whose pixels depend on their neighbours."""
    return F.interpolate(torch.randn(_SAMPLES, 1, 8, 8), scale_factor=4.0, mode="bilinear")


class Dense(nn.Module):
    """A VAE of ten units; the decoder also reads `skipped` features, concatenated or added."""

    def __init__(self, skipped: int = 0, *, adds: bool = False, noise: str = "randn") -> None:
        super().__init__()
        self.skipped, self.adds, self.noise = skipped, adds, noise
        self.encoder = nn.Linear(1024, 256)
        self.latent = nn.Linear(256, 20)
        self.decoder = nn.Linear(10 + (0 if adds else skipped), 256)
        self.out = nn.Linear(256, 1024)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.encoder(x.flatten(1)))
        mean, log_variance = self.latent(h).chunk(2, 1)
        scale = torch.exp(0.5 * log_variance)
        if self.noise == "distribution":
            z = torch.distributions.Normal(mean, scale).rsample()
        else:
            z = mean + scale * torch.randn_like(scale)
        read = torch.cat((z, h[:, : self.skipped]), 1) if self.skipped and not self.adds else z
        back = torch.relu(self.decoder(read))
        if self.adds:
            back = back + h
        out: Tensor = self.out(back)
        return out.view(x.shape)


class Convolutional(nn.Module):
    """A VAE of convolutions with the skips of a U-Net at some of its levels."""

    def __init__(self, skips: tuple[int, ...] = (), *, is_random: bool = True) -> None:
        super().__init__()
        self.skips, self.is_random = skips, is_random
        self.down = nn.ModuleList(nn.Conv2d(16 if k else 1, 16, 3, 2, 1) for k in range(3))
        self.mean, self.log_variance = nn.Linear(256, 8), nn.Linear(256, 8)
        self.spread = nn.Linear(8, 256)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(32 if k in skips else 16, 16 if k else 1, 4, 2, 1) for k in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = []
        for layer in self.down:
            x = torch.relu(layer(x))
            features.append(x)
        flat = x.flatten(1)
        z = self.mean(flat)
        if self.is_random:
            z = z + torch.exp(0.5 * self.log_variance(flat)) * torch.randn_like(z)
        x = torch.relu(self.spread(z)).view(-1, 16, 4, 4)
        for k in (2, 1, 0):
            read = torch.cat((x, features[k]), 1) if k in self.skips else x
            x = self.up[k](read if k == 2 else torch.relu(read))
        return x


class Ladder(nn.Module):
    """Two latents, the upper one deciding the prior of the lower; or features that go around."""

    def __init__(self, *, leaks: bool) -> None:
        super().__init__()
        self.leaks = leaks
        self.first, self.second = nn.Linear(1024, 64), nn.Linear(64, 32)
        self.upper, self.lower = nn.Linear(32, 8), nn.Linear(64 + 32, 16)
        self.between, self.decoder = nn.Linear(4, 32), nn.Linear(8 + 32 + (64 if leaks else 0), 64)
        self.out = nn.Linear(64, 1024)

    def draw(self, parameters: Tensor) -> Tensor:
        mean, log_variance = parameters.chunk(2, 1)
        return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)

    def forward(self, x: Tensor) -> Tensor:
        h1 = torch.relu(self.first(x.flatten(1)))
        h2 = torch.relu(self.second(h1))
        z2 = self.draw(self.upper(h2))
        top = torch.relu(self.between(z2))
        z1 = self.draw(self.lower(torch.cat((h1, top), 1)))
        read = (z1, top, 3 * h1) if self.leaks else (z1, top)
        out: Tensor = self.out(torch.relu(self.decoder(torch.cat(read, 1))))
        return out.view(x.shape)


class Labelled(nn.Module):
    """A VAE whose encoder and decoder are told the class."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(1024 + 5, 16), nn.Linear(8 + 5, 64)
        self.out = nn.Linear(64, 1024)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        told = F.one_hot(label, 5).float()
        mean, log_variance = self.encoder(torch.cat((x.flatten(1), told), 1)).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        out: Tensor = self.out(torch.relu(self.decoder(torch.cat((z, told), 1))))
        return out.view(x.shape)


def _var_autoencoder(*, skipped: bool) -> Built:
    built = _monai("VarAutoEncoder", 2, (1, 32, 32), 1, 8, (8, 16), (2, 2))
    if not skipped:
        return Built(model=built.model, inputs=digits())
    import monai.networks.nets as nets

    class Skipped(nets.VarAutoEncoder):
        """The decoder's picture is mixed with the encoder's first features."""

        def forward(self, x: Tensor) -> Any:
            features: list[Tensor] = []
            handle = self.encode[0].register_forward_hook(lambda m, a, out: features.append(out))
            out, *rest = super().forward(x)
            handle.remove()
            return (out + F.interpolate(features[0].mean(1, keepdim=True), scale_factor=2.0), *rest)

    return Built(model=Skipped(2, (1, 32, 32), 1, 8, (8, 16), (2, 2)), inputs=digits())


class Mixed(nn.Module):
    """diffusers' AutoencoderKL; its reconstruction may be refined with features of the input."""

    def __init__(self, *, refined: bool) -> None:
        super().__init__()
        from diffusers import AutoencoderKL

        self.vae = AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(16,) * 3,
            norm_num_groups=4,
        )
        self.refined = refined
        self.features, self.last = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(9, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.vae(x, sample_posterior=True).sample
        if self.refined:
            out = self.last(torch.cat((out, self.features(x)), 1))
        return out


class GraphVae(nn.Module):
    """A VAE of torch_geometric's convolutions that gives back the nodes' features."""

    def __init__(self, *, skipped: bool) -> None:
        super().__init__()
        from torch_geometric.nn import GCNConv

        self.skipped = skipped
        self.first, self.mean = GCNConv(32, 32), GCNConv(32, 4)
        self.log_variance = GCNConv(32, 4)
        self.decoder = nn.Linear(4 + (32 if skipped else 0), 32)
        self.out = nn.Linear(32, 32)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        h = torch.relu(self.first(x, edges))
        mean = self.mean(h, edges)
        z = mean + torch.exp(0.5 * self.log_variance(h, edges)) * torch.randn_like(mean)
        read = torch.cat((0.3 * z, x), 1) if self.skipped else z
        out: Tensor = self.out(torch.relu(self.decoder(read)))
        return out


def _narrow(skips: Any) -> nn.Module:
    return UNet(1, num_channels=1, width=4, num_levels=4, skips=skips)


def _graph(*, skipped: bool) -> Built:
    return Built(
        model=GraphVae(skipped=skipped),
        inputs=(torch.randn(40, 32), torch.randint(40, (2, 40))),
    )


def _smp_back(name: str) -> Built:
    import segmentation_models_pytorch as smp

    model = getattr(smp, name)("resnet18", encoder_weights=None, in_channels=1, classes=1)
    return giving_back(model, digits())


def _quantised() -> Built:
    from diffusers import VQModel

    model = VQModel(
        in_channels=1,
        out_channels=1,
        block_out_channels=(16,),
        norm_num_groups=4,
        num_vq_embeddings=8,
    )
    return giving_back(model, digits())


def _monai_kl() -> Built:
    options = {"num_res_blocks": 1, "channels": (8, 16), "attention_levels": (False, False)}
    built = _monai("AutoencoderKL", 2, norm_num_groups=4, latent_channels=1, **options)
    return Built(model=built.model, inputs=digits())


def _denoiser() -> Built:
    x = digits()
    return Built(
        model=UNet(1, num_channels=1, width=8, num_levels=3),
        inputs=x + torch.randn_like(x),
        targets=x,
        loss_fn=F.mse_loss,
    )


def faulty() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, True, miss)

    yield add(
        "VAE, 256 features concatenated", "own", lambda: Built(model=Dense(256), inputs=digits())
    )
    yield add("VAE, features added", "own", lambda: Built(model=Dense(adds=True), inputs=digits()))
    yield add(
        "VAE of torch.distributions, concatenated",
        "own",
        lambda: Built(model=Dense(256, noise="distribution"), inputs=digits()),
    )
    yield add("VAE, finest skip", "own", lambda: Built(model=Convolutional((0,)), inputs=digits()))
    yield add(
        "VAE, all skips", "own", lambda: Built(model=Convolutional((0, 1, 2)), inputs=digits())
    )
    yield add(
        "autoencoder, finest skip",
        "own",
        lambda: giving_back(Convolutional((0,), is_random=False), digits()),
    )
    yield add(
        "ladder with features around",
        "own",
        lambda: Built(model=Ladder(leaks=True), inputs=digits()),
    )
    yield add(
        "UNet as autoencoder, concatenated",
        "plusone",
        lambda: giving_back(_narrow("concat"), digits()),
    )
    yield add(
        "UNet as autoencoder, added",
        "plusone",
        lambda: giving_back(_narrow("add"), digits()),
    )
    yield add("VarAutoEncoder, features added", "monai", lambda: _var_autoencoder(skipped=True))
    yield add(
        "UNet as autoencoder",
        "monai",
        lambda: giving_back(_monai("UNet", 2, 1, 1, (4, 8, 16, 16), (2, 2, 2)).model, digits()),
    )
    yield add(
        "BasicUNet as autoencoder",
        "monai",
        lambda: giving_back(_monai("BasicUNet", 2, 1, 1, (8, 8, 16, 32, 64, 8)).model, digits()),
    )
    yield add("Unet as autoencoder", "smp", lambda: _smp_back("Unet"))
    yield add(
        "AutoencoderKL, refined by features",
        "diffusers",
        lambda: Built(model=Mixed(refined=True), inputs=digits()),
    )
    yield add("GCN VAE, features concatenated", "torch_geometric", lambda: _graph(skipped=True))


def healthy() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, False, miss)

    yield add("VAE", "own", lambda: Built(model=Dense(), inputs=digits()))
    yield add("VAE, targets given", "own", lambda: giving_back(Dense(), digits()))
    yield add(
        "VAE, one feature concatenated", "own", lambda: Built(model=Dense(1), inputs=digits())
    )
    yield add(
        "VAE of torch.distributions",
        "own",
        lambda: Built(model=Dense(noise="distribution"), inputs=digits()),
    )
    yield add("convolutional VAE", "own", lambda: Built(model=Convolutional(), inputs=digits()))
    yield add("autoencoder", "own", lambda: giving_back(Convolutional(is_random=False), digits()))
    yield add("ladder", "own", lambda: Built(model=Ladder(leaks=False), inputs=digits()))
    yield add(
        "VAE told the class",
        "own",
        lambda: Built(model=Labelled(), inputs=(digits(), torch.randint(5, (_SAMPLES,)))),
    )
    yield add("UNet for masks", "plusone", lambda: _unet(1, 4, "concat", masks=True))
    yield add("UNet as denoiser", "plusone", _denoiser)
    yield add("VarAutoEncoder", "monai", lambda: _var_autoencoder(skipped=False))
    yield add(
        "AutoEncoder",
        "monai",
        lambda: giving_back(_monai("AutoEncoder", 2, 1, 1, (8, 8, 4), (2, 2, 2)).model, digits()),
    )
    yield add("AutoencoderKL", "monai", _monai_kl)
    yield add("UNet2D", "diffusers", _diffusers_unet)
    yield add(
        "AutoencoderKL", "diffusers", lambda: Built(model=Mixed(refined=False), inputs=digits())
    )
    yield add("VQModel", "diffusers", _quantised)
    yield add("GCN VAE", "torch_geometric", lambda: _graph(skipped=False))
