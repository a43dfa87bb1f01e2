"""Zero last layers: every block is its skip at the start, in nets of others too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nn.init.measure import HandWritten, is_unchanged, state
from nn.nets import TwoLayers, mlp, transformer
from plusone.errors import InputError
from plusone.nn import Residual, ScalarBias, initialize_
from plusone.testing import assert_every_parameter_matters, assert_identity_at_init

timm = pytest.importorskip("timm", reason="timm comes with the extra 'zoo'")


def assert_each_is(
    blocks: list[nn.Module],
    net: nn.Module,
    x: Tensor,
    expected: Callable[[nn.Module, Tensor], Tensor],
) -> None:
    """Each block's output in a forward of the net, bit by bit."""
    checked = []

    def check(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        assert torch.equal(output, expected(module, args[0]))
        checked.append(module)

    handles = [block.register_forward_hook(check) for block in blocks]
    with torch.no_grad():
        net(x)
    assert checked == blocks
    for handle in handles:
        handle.remove()


def skip_of_a_resnet(block: nn.Module, x: Tensor) -> Tensor:
    return torch.relu(x if block.downsample is None else block.downsample(x))


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "seresnet50", "skresnet18", "res2net50_26w_4s"]
)
def test_the_blocks_of_a_timm_resnet_are_their_skips(name: str) -> None:
    net = timm.create_model(name, zero_init_last=False).eval()
    x = torch.randn(2, 3, 64, 64)
    report = initialize_(net, "zero_last", inputs=x)
    blocks = [m for stage in (net.layer1, net.layer2, net.layer3, net.layer4) for m in stage]
    assert report.num_branches == len(blocks)
    assert_each_is(blocks, net, x, skip_of_a_resnet)
    # The same tensors that timm's own option sets, its biases being zero already.
    own = timm.create_model(name, zero_init_last=True).state_dict()
    touched = {t.name for t in report.touched if t.name.endswith("weight")}
    assert touched == {n for n, p in own.items() if n.endswith("weight") and not p.any()}


@pytest.mark.zoo
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "beit_base_patch16_224", "convnext_atto"])
def test_the_blocks_of_timm_transformers_and_convnexts_are_the_identity(name: str) -> None:
    options = {} if "convnext" in name else {"img_size": 32, "depth": 2}
    net = timm.create_model(name, **options).eval()
    x = torch.randn(2, 3, 32, 32)
    kept = {n: p.clone() for n, p in net.named_parameters()}
    report = initialize_(net, "zero_last", inputs=x)
    blocks = net.blocks if hasattr(net, "blocks") else [b for s in net.stages for b in s.blocks]
    assert report.num_branches in (len(blocks), 2 * len(blocks))
    assert_each_is(list(blocks), net, x, lambda _, x: x)
    # Nothing else moved: all that was set is in the report.
    named = {t.name for t in report.touched}
    assert all(torch.equal(p, kept[n]) for n, p in net.named_parameters() if n not in named)


def test_the_torch_transformer_is_normed_input_bit_by_bit() -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
    net = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    x = torch.randn(2, 5, 16)
    report = initialize_(net, "zero_last", inputs=x)
    assert report.num_branches == 6
    assert_identity_at_init(net.eval(), x)


@pytest.mark.parametrize("inputs", [None, torch.randn(2, 5, 16)])
def test_residuals_are_the_identity_whether_ordered_by_calls_or_not(inputs: Tensor | None) -> None:
    net = transformer(16, 3)
    initialize_(net, "zero_last", inputs=inputs)
    assert_identity_at_init(net, torch.randn(2, 5, 16))
    for block in net[::2]:
        assert block.branch.attention.in_proj_weight.any()


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
def test_an_encoder_that_a_decoder_attends_to_is_no_part_of_its_branches() -> None:
    net = nn.Transformer(16, 2, 2, 2, 32, batch_first=True, norm_first=True).eval()
    inputs = (torch.randn(2, 4, 16), torch.randn(2, 3, 16))
    report = initialize_(net, "zero_last", inputs=inputs)
    assert report.num_branches == 4 + 6
    assert len({t.name for t in report.touched}) == 2 * 10
    torch.testing.assert_close(net(*inputs), net.decoder.norm(inputs[1]), rtol=0, atol=0)
    scaled = initialize_(net, "gpt2", inputs=inputs)
    last = [t.name for t in scaled.touched if t.factor == 10**-0.5]
    assert sorted(last) == sorted(t.name for t in report.touched if t.name.endswith("weight"))


@pytest.mark.zoo
def test_experts_of_a_mixture_are_closed_by_their_own_last_map() -> None:
    transformers = pytest.importorskip("transformers", reason="it comes with the extra 'zoo'")
    config = transformers.MixtralConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=64, vocab_size=100, num_local_experts=4,
    )  # fmt: skip
    net = transformers.AutoModel.from_config(config).eval()
    tokens = {"input_ids": torch.randint(0, 100, (2, 9))}
    report = initialize_(net, "zero_last", inputs=tokens)
    assert [t.name for t in report.touched] == [
        f"layers.{number}.{name}"
        for number in range(2)
        for name in ("self_attn.o_proj.weight", "mlp.experts.down_proj")
    ]
    with torch.no_grad():
        out = net(**tokens).last_hidden_state
        expected = net.norm(net.embed_tokens(tokens["input_ids"]))
    assert torch.equal(out, expected)
    with pytest.raises(InputError, match="gpt2 scales the last linear layer of each branch"):
        initialize_(net, "gpt2", inputs=tokens)


class Group(nn.Module):
    """Residual in residual, as in RCAN: x + conv(blocks(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(HandWritten(16, lambda width: mlp(width, 2)) for _ in range(3))
        )
        self.last = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.last(self.blocks(x))
        return out


def test_a_residual_in_a_residual_is_closed_in_both() -> None:
    net, x = nn.Sequential(Group(), Group()), torch.randn(4, 16)
    report = initialize_(net, "zero_last", inputs=x)
    assert report.num_branches == 8
    assert_identity_at_init(net, x)
    for group in net:
        assert_identity_at_init(group.blocks, x)
    assert initialize_(net, "fixup", inputs=x).num_branches == 8
    inner = {t.factor for t in initialize_(net, "fixup", inputs=x).touched if t.factor}
    assert inner == {8**-0.5}  # m = 2 in the inner branches, and 1 in the outer's own layers


class Around(nn.Module):
    """A long skip around blocks of another module, as a U-Net's that adds: no branch of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(HandWritten(16, lambda width: mlp(width, 2)) for _ in range(3))
        )
        self.decoder = HandWritten(16, lambda width: mlp(width, 2))
        self.join = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.join(self.decoder(self.encoder(x)))


def test_a_skip_around_the_whole_net_is_no_block() -> None:
    net, x = Around(), torch.randn(4, 16)
    report = initialize_(net, "zero_last", inputs=x)
    assert report.num_branches == 4
    assert net.join.weight.any()
    assert_identity_at_init(net.encoder, x)


@pytest.mark.zoo
def test_mambas_layers_are_closed_and_the_skip_inside_a_scan_is_left_alone() -> None:
    transformers = pytest.importorskip("transformers", reason="it comes with the extra 'zoo'")
    config = transformers.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=100)
    net = transformers.MambaModel(config).eval()
    tokens = {"input_ids": torch.randint(0, 100, (2, 9))}
    report = initialize_(net, "zero_last", inputs=tokens)
    assert [t.name for t in report.touched] == [f"layers.{n}.mixer.out_proj.weight" for n in (0, 1)]
    with torch.no_grad():
        expected = net.norm_f(net.embeddings(tokens["input_ids"]))
        assert torch.equal(net(**tokens).last_hidden_state, expected)


ENDS = {
    "linear": lambda: mlp(16, 2),
    "layers in another order": lambda: TwoLayers(16),
    "norm": lambda: nn.Sequential(mlp(16, 2), nn.LayerNorm(16)),
    "batch norm": lambda: nn.Sequential(mlp(16, 2), nn.BatchNorm1d(16)),
    "GELU": lambda: nn.Sequential(mlp(16, 2), nn.GELU()),
    "dropout": lambda: nn.Sequential(mlp(16, 2), nn.Dropout(0.3)),
    "PReLU": lambda: nn.Sequential(mlp(16, 2), nn.PReLU()),
    "PReLU of channels": lambda: nn.Sequential(mlp(16, 2), nn.PReLU(16)),
    "scalar bias": lambda: nn.Sequential(mlp(16, 2), opened(ScalarBias())),
}


def opened(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.3)
    return module


@pytest.mark.parametrize(
    ("end", "way"),
    [
        (end, way)
        for end in ENDS
        for way in ("registered", "called", "traced")
        if (end, way) != ("layers in another order", "registered")
    ],
)
def test_whatever_closes_the_branch_is_found(end: str, way: str) -> None:
    x = torch.randn(4, 16)
    block: nn.Module = HandWritten(16, lambda _: ENDS[end]())
    if way != "traced":
        block = Residual(ENDS[end]())
    report = initialize_(block, "zero_last", inputs=None if way == "registered" else x)
    assert report.order == way
    assert_identity_at_init(block, x)
    assert_every_parameter_matters(block.eval(), x, ignore=["*.0.bias"] if "batch" in end else [])
    if "PReLU" in end:
        assert all(p.any() for m in block.modules() if isinstance(m, nn.PReLU) for p in [m.weight])


class Written(nn.Module):
    """Blocks that hold gains, gates and sums themselves."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.a, self.b = nn.Linear(16, 16), nn.Linear(16, 16)
        self.gain = nn.Parameter(torch.full((16,), 0.7))
        self.shift = nn.Parameter(torch.full((16,), 0.2))
        self.table = nn.Parameter(torch.randn(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.a(x), self.b(x)
        if self.kind == "gain":
            return x + self.gain * torch.tanh(a)
        if self.kind == "gain and bias":
            return x + (torch.tanh(a) * self.gain + self.shift)
        if self.kind == "bias before an activation":
            return x + torch.tanh(torch.tanh(a) * self.gain + self.shift)
        if self.kind == "sum":
            return x + (a + torch.tanh(b))
        if self.kind == "two branches":
            return x + a + b
        if self.kind == "gate behind":
            return x + torch.sigmoid(b) * a
        if self.kind == "gate of the input":
            return x + x * torch.tanh(a)
        if self.kind == "matrix":
            return x + torch.tanh(a) @ self.table
        if self.kind == "standardised weight":
            weight = self.b.weight - self.b.weight.mean(1, keepdim=True)
            return x + F.linear(torch.tanh(a), weight, self.b.bias)
        assert self.kind == "half"
        return x + 0.5 * torch.cat([a[:, :8], b[:, :8]], 1)


KINDS = {
    "gain": {"gain"},
    "gain and bias": {"gain", "shift"},
    "bias before an activation": {"gain", "shift"},
    "sum": {"a.weight", "a.bias", "b.weight", "b.bias"},
    "two branches": {"a.weight", "a.bias", "b.weight", "b.bias"},
    "gate behind": {"a.weight", "a.bias"},
    "gate of the input": {"a.weight", "a.bias"},
    "matrix": {"table"},
    "standardised weight": {"b.weight", "b.bias"},
    "half": {"a.weight", "a.bias", "b.weight", "b.bias"},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_in_a_written_block_only_what_closes_the_branch_is_touched(kind: str) -> None:
    block = Written(kind)
    x = torch.randn(4, 16)
    before = state(block)
    report = initialize_(block, "zero_last", inputs=x)
    assert {t.name for t in report.touched} == KINDS[kind]
    assert_identity_at_init(block, x)
    changed = {n for n, p in block.state_dict().items() if not torch.equal(p, before[n])}
    assert changed == KINDS[kind]


def test_a_branch_that_nothing_closes_is_refused_by_name() -> None:
    open_ends = {
        "traced": HandWritten(8, lambda width: nn.Sequential(mlp(width, 1), nn.Sigmoid())),
        "registered": Residual(nn.Sequential(nn.Linear(8, 8), nn.GRUCell(8, 8))),
    }
    for way, block in open_ends.items():
        net = nn.Sequential(block)
        before = state(net)
        with pytest.raises(
            InputError, match="zero_last: no layer of 0 is known to make its branch"
        ):
            initialize_(net, "zero_last", inputs=torch.randn(2, 8) if way == "traced" else None)
        assert is_unchanged(net, before)


def test_a_branch_used_by_two_blocks_is_set_once() -> None:
    shared = mlp(8, 2)
    net = nn.Sequential(Residual(shared), Residual(shared))
    report = initialize_(net, "zero_last")
    assert [t.name for t in report.touched] == ["0.branch.2.weight", "0.branch.2.bias"]
    assert_identity_at_init(net, torch.randn(2, 8))
