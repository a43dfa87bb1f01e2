"""S106: nets in which a few numbers hold all of an input, and nets that are wide enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from diagnostics.case import Built, Case, giving_back, squares
from diagnostics.detail_cases import _kl, _monai, _smp, _unet, picture
from plusone.nn.models.seq2seq import Seq2Seq

_LENGTH, _WIDTH, _TOKENS = 20, 16, 30


def _case(name: str, source: str, build: Callable[[], Built], fault: bool, miss: str = "") -> Case:
    return Case(code="S106", name=name, source=source, has_fault=fault, build=build, miss=miss)


def sentences(length: int = _LENGTH, batch: int = 4) -> Tensor:
    return torch.randint(3, _TOKENS, (batch, length))


def _seq2seq(cell: Any, attention: Any, length: int = _LENGTH) -> Built:
    model = Seq2Seq(_TOKENS, _TOKENS, width=_WIDTH, cell=cell, attention=attention)
    return Built(model=model, inputs=(sentences(length), sentences(length)))


class ByHand(nn.Module):
    """Reads series step by step with a cell, or two states by hand, and writes the rest."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.reader = nn.LSTMCell(_WIDTH, _WIDTH)
        self.writer = nn.LSTMCell(_WIDTH, _WIDTH)
        self.gates = nn.ModuleList(nn.Linear(2 * _WIDTH, 4 * _WIDTH) for _ in range(2))
        self.head = nn.Linear(_WIDTH, _WIDTH)

    def step(self, writes: bool, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        if self.kind == "cells":
            cell = self.writer if writes else self.reader
            h, c = cell(x, (h, c))
            return h, c
        i, f, o, g = self.gates[int(writes)](torch.cat((x, h), 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(len(x), _WIDTH)
        for t in range(x.shape[1]):
            h, c = self.step(False, x[:, t], h, c)
        written, last = [], self.head(h)
        for _ in range(x.shape[1] + 4):
            h, c = self.step(True, last, h, c)
            last = self.head(h)
            written.append(h)
        out: Tensor = self.head(torch.stack(written, 1))
        return out


class Captioner(nn.Module):
    """A ResNet's pooled features start a recurrent writer (Show and Tell)."""

    def __init__(self, *, looks: bool) -> None:
        super().__init__()
        from torchvision.models import resnet18

        net = resnet18()
        self.features = nn.Sequential(*list(net.children())[:-2])
        self.start = nn.Linear(512, 2 * _WIDTH)
        self.looks = looks
        self.look = nn.MultiheadAttention(2 * _WIDTH, 2, batch_first=True)
        self.words = nn.Embedding(_TOKENS, 2 * _WIDTH)
        self.writer = nn.GRU(2 * _WIDTH, 2 * _WIDTH, batch_first=True)
        self.head = nn.Linear(2 * _WIDTH, _TOKENS)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        maps = self.features(x).flatten(2).mT
        states, _ = self.writer(self.words(words), self.start(maps.mean(1))[None])
        if self.looks:
            keys = self.start(maps)
            states = states + self.look(states, keys, keys)[0]
        out: Tensor = self.head(states)
        return out


class Repainted(nn.Module):
    """An encoder of segmentation_models_pytorch, pooled to one vector, and a decoder."""

    def __init__(self) -> None:
        super().__init__()
        import segmentation_models_pytorch as smp

        self.encoder = smp.encoders.get_encoder("resnet18", weights=None)
        self.code = nn.Linear(512, 32)
        self.spread = nn.Linear(32, 16 * 64)
        self.up = nn.Sequential(
            *(nn.Upsample(scale_factor=2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()) * 3,
            nn.Conv2d(16, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        code = self.code(self.encoder(x)[-1].mean((2, 3)))
        out: Tensor = self.up(self.spread(code).view(-1, 16, 8, 8))
        return out


def _monai_code(targets: str) -> Built:
    built = _monai("VarAutoEncoder", 2, (1, 32, 32), 1, 8, (8, 16), (2, 2), shape=(4, 1, 32, 32))
    x = built.inputs
    assert isinstance(x, Tensor)
    if targets == "itself":
        return giving_back(built.model, x)
    return Built(model=built.model, inputs=x, targets=(x > 0).float(), loss_fn=squares)


def _bert(**options: Any) -> nn.Module:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=_TOKENS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    return BertModel(config, **options)


class Rewritten(nn.Module):
    """BERT's pooled token tells a transformer what to write."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.bert, self.pooled = _bert(), pooled
        self.places = nn.Parameter(torch.randn(_LENGTH, 32))
        layer = nn.TransformerDecoderLayer(32, 2, 64, batch_first=True)
        self.decoder = nn.TransformerDecoder(layer, 2)
        self.head = nn.Linear(32, _TOKENS)

    def forward(self, words: Tensor) -> Tensor:
        read = self.bert(words)
        memory = read.pooler_output[:, None] if self.pooled else read.last_hidden_state
        asking = self.places.expand(len(words), _LENGTH, 32)
        out: Tensor = self.head(self.decoder(asking, memory))
        return out


def _t5(kind: str, *, pooled: bool) -> Built:
    import transformers

    if kind == "T5":
        config = transformers.T5Config(
            vocab_size=_TOKENS, d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2
        )
        model = transformers.T5ForConditionalGeneration(config)
        encoder = model.encoder
    else:
        config = transformers.BartConfig(
            vocab_size=_TOKENS,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
        )
        model = transformers.BartForConditionalGeneration(config)
        encoder = model.model.encoder
    if pooled:
        forward = encoder.forward

        def one(*args: Any, **options: Any) -> Any:
            found = forward(*args, **options)
            found.last_hidden_state = found.last_hidden_state.mean(1, keepdim=True)
            return found

        encoder.forward = one
    words = sentences()
    return Built(model=model, inputs={"input_ids": words, "decoder_input_ids": words})


class Prompted(nn.Module):
    """A denoiser of diffusers that is told a sentence, of which one vector may be all it gets."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        from diffusers import UNet2DConditionModel

        self.text, self.pooled = _bert(add_pooling_layer=False), pooled
        self.net = UNet2DConditionModel(
            sample_size=16,
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=8,
            block_out_channels=(16, 32),
            norm_num_groups=8,
        )

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        told = self.text(words).last_hidden_state
        if self.pooled:
            told = told.mean(1, keepdim=True)
        out: Tensor = self.net(x, torch.tensor([3, 500]), told).sample
        return out


class Graphs(nn.Module):
    """Labels for each node, from the node or from one vector of its whole graph."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        from torch_geometric.nn import GCNConv

        self.first, self.second = GCNConv(16, 16), GCNConv(16, 16)
        self.mix, self.head = nn.Linear(16, 16), nn.Linear(16, 16)
        self.pooled = pooled

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        h = torch.relu(self.second(torch.relu(self.first(x, edges)), edges))
        if self.pooled:
            h = h.mean(0, keepdim=True).expand_as(h)
            h = h + torch.arange(len(h))[:, None] / len(h)
        out: Tensor = self.head(torch.relu(self.mix(h)))
        return out


def _graphs(*, pooled: bool) -> Built:
    edges = torch.randint(60, (2, 200))
    return Built(model=Graphs(pooled=pooled), inputs=(torch.randn(60, 16), edges))


def _graph_unet() -> Built:
    from torch_geometric.nn import GraphUNet

    edges = torch.randint(60, (2, 400))
    return Built(model=GraphUNet(16, 32, 4, 3), inputs=(torch.randn(60, 16), edges))


class LastState(nn.Module):
    """A recurrent net whose last state gives a class."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.net = nn.Embedding(_TOKENS, 32), nn.LSTM(32, 32, batch_first=True)
        self.head = nn.Linear(32, 5)

    def forward(self, words: Tensor) -> Tensor:
        _, (h, _) = self.net(self.words(words))
        out: Tensor = self.head(h[-1])
        return out


def _gpt2() -> Built:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=999, n_embd=32, n_layer=2, n_head=2, n_positions=32)
    return Built(model=GPT2LMHeadModel(config), inputs={"input_ids": sentences()})


def _whisper() -> Built:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=_TOKENS,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_mel_bins=16,
        max_source_positions=50,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    inputs = {"input_features": torch.randn(2, 16, 100), "decoder_input_ids": sentences(batch=2)}
    return Built(model=WhisperForConditionalGeneration(config), inputs=inputs)


def _resnet() -> Built:
    from torchvision.models import resnet18

    return Built(model=resnet18(num_classes=1000), inputs=picture())


def faulty() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, True, miss)

    series = torch.randn(4, _LENGTH, _WIDTH)
    yield add("Seq2Seq GRU, no attention", "plusone", lambda: _seq2seq("gru", None))
    yield add("Seq2Seq LSTM, no attention", "plusone", lambda: _seq2seq("lstm", None))
    yield add("LSTM cells in loops", "own", lambda: Built(model=ByHand("cells"), inputs=series))
    yield add("two states by hand", "own", lambda: Built(model=ByHand("hand"), inputs=series))
    yield add(
        "captions from pooled features",
        "torchvision",
        lambda: Built(model=Captioner(looks=False), inputs=(picture(batch=4), sentences())),
    )
    yield add(
        "encoder to one vector to a map", "smp", lambda: Built(model=Repainted(), inputs=picture())
    )
    yield add("VarAutoEncoder that paints masks", "monai", lambda: _monai_code("masks"))
    yield add(
        "BERT's pooled token, rewritten",
        "transformers",
        lambda: Built(model=Rewritten(pooled=True), inputs=sentences()),
    )
    yield add("T5, encoder averaged", "transformers", lambda: _t5("T5", pooled=True))
    yield add("BART, encoder averaged", "transformers", lambda: _t5("BART", pooled=True))
    yield add(
        "UNet2DCondition, prompt averaged",
        "diffusers",
        lambda: Built(model=Prompted(pooled=True), inputs=(picture(16, 4), sentences(batch=2))),
    )
    yield add("AutoencoderKL as depth estimator", "diffusers", lambda: _kl(1, 4, back=False))
    yield add("GCN, nodes from their graph's mean", "torch_geometric", lambda: _graphs(pooled=True))


def healthy() -> Iterator[Case]:
    def add(name: str, source: str, build: Callable[[], Built], miss: str = "") -> Case:
        return _case(name, source, build, False, miss)

    yield add("Seq2Seq GRU, additive attention", "plusone", lambda: _seq2seq("gru", "additive"))
    yield add("Seq2Seq LSTM, general attention", "plusone", lambda: _seq2seq("lstm", "general"))
    yield add("Seq2Seq GRU, 6 tokens", "plusone", lambda: _seq2seq("gru", None, 6))
    yield add("UNet, 4 levels", "plusone", lambda: _unet(2, 4, "concat"))
    yield add("last state to a class", "own", lambda: Built(model=LastState(), inputs=sentences()))
    yield add(
        "captions by attention",
        "torchvision",
        lambda: Built(model=Captioner(looks=True), inputs=(picture(batch=4), sentences())),
    )
    yield add("ResNet-18, 1000 classes", "torchvision", _resnet)
    yield add("Unet", "smp", lambda: _smp("Unet"))
    yield add("DeepLabV3", "smp", lambda: _smp("DeepLabV3"))
    yield add("UNet", "monai", lambda: _monai("UNet", 2, 1, 2, (8, 16, 32, 64), (2, 2, 2)))
    yield add("VarAutoEncoder", "monai", lambda: _monai_code("itself"))
    yield add(
        "BERT's tokens, rewritten",
        "transformers",
        lambda: Built(model=Rewritten(pooled=False), inputs=sentences()),
    )
    yield add("T5", "transformers", lambda: _t5("T5", pooled=False))
    yield add("BART", "transformers", lambda: _t5("BART", pooled=False))
    yield add("GPT-2", "transformers", _gpt2)
    yield add("Whisper", "transformers", _whisper)
    yield add(
        "BERT", "transformers", lambda: Built(model=_bert(), inputs={"input_ids": sentences()})
    )
    yield add(
        "UNet2DCondition, prompt",
        "diffusers",
        lambda: Built(model=Prompted(pooled=False), inputs=(picture(16, 4), sentences(batch=2))),
    )
    yield add("AutoencoderKL", "diffusers", lambda: _kl(3, 4, back=True))
    yield add("GCN", "torch_geometric", lambda: _graphs(pooled=False))
    yield add("GraphUNet", "torch_geometric", _graph_unet)
