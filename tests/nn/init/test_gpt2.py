"""GPT-2's initialisation: which tensor has which standard deviation, and the stream's growth."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nn.init.measure import HandWritten, assert_std, is_unchanged, state
from nn.nets import SelfAttention, second_moment, transformer
from plusone.errors import InputError
from plusone.nn import Residual, initialize_

WIDTH = 64


class Language(nn.Module):
    """Embeddings, a pre-norm transformer and a head that shares the embedding's weight."""

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(100, WIDTH, padding_idx=3)
        self.positions = nn.Parameter(torch.full((9, WIDTH), 0.5))
        self.blocks = transformer(WIDTH, num_layers)
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 100, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions
        logits: Tensor = self.head(self.norm(self.blocks(x)))
        return logits


@pytest.mark.parametrize("has_inputs", [False, True])
def test_all_weights_have_the_papers_deviation_and_the_last_of_branches_less(
    has_inputs: bool,
) -> None:
    net = Language(8)
    for parameter in net.parameters():
        if parameter.dim() == 1:
            nn.init.constant_(parameter, 0.7)
    tokens = torch.randint(0, 100, (2, 9))
    report = initialize_(net, "gpt2", inputs=tokens if has_inputs else None)
    assert report.num_branches == 16
    for attention, feedforward in zip(net.blocks[::2], net.blocks[1::2], strict=True):
        packed = attention.branch.attention
        assert_std(packed.in_proj_weight, 0.02)
        assert_std(packed.out_proj.weight, 0.02 / 4)
        assert_std(feedforward.branch[0].weight, 0.02)
        assert_std(feedforward.branch[2].weight, 0.02 / 4)
        for bias in (packed.in_proj_bias, packed.out_proj.bias, feedforward.branch[2].bias):
            assert not bias.any()
        assert (attention.pre_norm.weight == 0.7).all()
    assert_std(net.tokens.weight[torch.arange(100) != 3], 0.02)
    assert not net.tokens.weight[3].any()
    assert (net.positions == 0.5).all()


@pytest.mark.zoo
def test_huggingfaces_gpt2_gets_its_own_deviations_without_our_modules() -> None:
    transformers = pytest.importorskip("transformers", reason="it comes with the extra 'zoo'")
    config = transformers.GPT2Config(n_layer=6, n_embd=96, n_head=4, vocab_size=200, n_positions=32)
    net = transformers.GPT2LMHeadModel(config).eval()
    own = state(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(1.0)
    report = initialize_(net, "gpt2", inputs={"input_ids": torch.randint(0, 200, (2, 12))})
    assert (report.order, report.num_branches) == ("traced", 12)
    for name, parameter in net.named_parameters():
        if parameter.dim() > 1:
            expected = float(own[name].double().square().mean().sqrt())
            assert_std(parameter, expected, num_sigmas=7)


def test_the_stream_of_200_blocks_stays_bounded_and_without_the_factor_it_does_not() -> None:
    """Linear branches, normed: each adds the same second moment a, all 200 of them a in all."""

    def build(depth: int) -> nn.Sequential:
        branch = lambda: nn.Sequential(nn.Linear(256, 256), nn.Linear(256, 256))  # noqa: E731
        return nn.Sequential(*(Residual(branch(), norm=nn.LayerNorm(256)) for _ in range(depth)))

    one = (256 * 0.02**2) ** 2
    for depth in (8, 50, 200):
        net = build(depth)
        initialize_(net, "gpt2")
        assert second_moment(net) == pytest.approx(1 + one, rel=0.02)
        for block in net:
            nn.init.normal_(block.branch[1].weight, std=0.02)
        assert second_moment(net) == pytest.approx(1 + depth * one, rel=0.1)


def test_a_relu_behind_the_last_layer_keeps_the_factor_and_a_norm_undoes_it() -> None:
    for end, is_scaled in ((nn.ReLU(), True), (nn.Sigmoid(), False), (nn.LayerNorm(64), False)):
        chain = nn.Sequential(nn.Linear(64, 64), end)
        written = nn.Sequential(HandWritten(64, lambda _, c=chain: c))
        for net, inputs in ((nn.Sequential(Residual(chain)), None), (written, torch.randn(2, 64))):
            if is_scaled:
                assert initialize_(net, "gpt2", inputs=inputs).num_branches == 1
            else:
                with pytest.raises(InputError, match="0 does not end in one"):
                    initialize_(net, "gpt2", inputs=inputs)


def test_branches_that_do_not_end_in_a_linear_map_are_refused() -> None:
    net = nn.Sequential(Residual(SelfAttention(8)), Residual(nn.GRUCell(8, 8)))
    before = state(net)
    with pytest.raises(InputError, match="gpt2 scales the last linear layer .* 1 does not end in"):
        initialize_(net, "gpt2")
    assert is_unchanged(net, before)
