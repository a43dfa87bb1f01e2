"""Each kind of edit: what it computes by hand, as pasted code, from a recipe, and as a copy."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fix import broken
from plusone.errors import InputError
from plusone.fix.edits import (
    DrawWeights,
    Edit,
    InsertSkip,
    NormFirst,
    Recall,
    Remember,
    ScaleBranch,
    ScaleWeights,
    WrapInSkip,
)
from plusone.fix.edits.edit import Part
from plusone.fix.pasted import code_of, diff_of
from plusone.fix.recipe import edits_of, recipe_of
from plusone.fix.surgery import edited
from plusone.nn import Residual

HALF = Part(name="SkipInit", args=(0.5,))
NORM = Part(name="make_norm", args=("layer", 64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Edits of a small model, and inputs that it takes."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    edits: tuple[Edit, ...]


def cases() -> dict[str, Case]:
    """One for each kind of edit."""
    torch.manual_seed(1)
    rows, image = torch.randn(5, 64), torch.randn(2, 1, 16, 16)
    tokens = torch.randint(10, (3, 9))
    stream = (
        InsertSkip(path="layers.0", line=0, is_first=True, norm=NORM),
        InsertSkip(path="layers.1", line=0, source="layers.0", scale=HALF, norm=NORM),
        InsertSkip(path="head", line=0, is_last=True, source="layers.1", scale=HALF),
    )
    projection = Part(name="ConvProjection", args=(8, 16), options=(("num_axes", 2),))
    long = (
        Remember(path="down1", line=3),
        InsertSkip(path="up1.0", line=3, is_last=True, source="down1", skip=projection),
        ScaleWeights(path="down1.0", factor=0.5),
    )
    recall = Recall(path="decoder", line=0, source="encoder", num_inputs=32, num_outputs=32)
    torch_layers = broken.post_norm_torch(2)
    made = {
        "splice": (broken.tanh_stack(2), (rows,), stream),
        "wrap": (broken.plain_mlp(2), (rows,), (WrapInSkip(path="2", scale=HALF, norm=NORM),)),
        "gate": (broken.over_scaled(2), (rows,), (ScaleBranch(path="1.down", start=0.25),)),
        "fixed gate": (
            broken.post_norm_written(2),
            (rows,),
            (ScaleBranch(path="encoder.1.attn", start=0.25, learned=False),),
        ),
        "long": (broken.NoSkipUNet(), (image,), long),
        "recall": (broken.Seq2Seq(), (tokens, tokens), (Remember(path="encoder", line=0), recall)),
        "draw": (
            broken.badly_started(2),
            (rows,),
            (
                DrawWeights(path="0", how="he", has_bias=True),
                DrawWeights(path="2", how="xavier"),
                DrawWeights(path="4", how="orthogonal", has_bias=True),
            ),
        ),
        "norm first": (
            torch_layers,
            (rows,),
            (
                NormFirst(path="encoder.layers.0"),
                NormFirst(path="encoder.layers.1"),
                NormFirst(path="encoder", final=32),
            ),
        ),
    }
    return {
        name: Case(model=model.eval(), inputs=inputs, edits=edits)
        for name, (model, inputs, edits) in made.items()
    }


@pytest.fixture(params=cases())
def case(request: pytest.FixtureRequest) -> Case:
    return cases()[request.param]


def outputs(model: nn.Module, case: Case) -> Tensor:
    with torch.no_grad():
        found: Tensor = model.eval()(*case.inputs)
    return found


def test_the_pasted_code_computes_the_same_bit_by_bit(case: Case) -> None:
    pasted = copy.deepcopy(case.model)
    exec(code_of(case.model, case.edits, seed=7), {"model": pasted})
    made = edited(case.model, case.edits, seed=7)
    assert torch.equal(outputs(pasted, case), outputs(made, case))
    assert pasted.state_dict().keys() == made.state_dict().keys()


def test_the_model_and_the_random_state_are_left_as_they_were(case: Case) -> None:
    modules = [*case.model.modules()]
    state = {name: t.clone() for name, t in case.model.state_dict().items()}
    random = torch.get_rng_state()
    edited(case.model, case.edits, seed=7)
    assert torch.equal(random, torch.get_rng_state())
    assert [*case.model.modules()] == modules
    assert all(torch.equal(state[name], t) for name, t in case.model.state_dict().items())


def test_a_recipe_repeats_the_edits_on_a_fresh_model(case: Case) -> None:
    text = json.dumps(recipe_of(case.edits, seed=7))
    edits, seed = edits_of(json.loads(text))
    assert (edits, seed) == (case.edits, 7)
    made, again = edited(case.model, case.edits, seed=7), edited(case.model, edits, seed=8)
    again.load_state_dict(made.state_dict())
    assert torch.equal(outputs(made, case), outputs(again, case))


def test_a_copy_shares_nothing_with_what_it_was_copied_from(case: Case) -> None:
    made = edited(case.model, case.edits, seed=7)
    twin = copy.deepcopy(made)
    before = outputs(made, case)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    outputs(twin, case)
    assert torch.equal(outputs(made, case), before)


def test_two_forwards_in_a_row_give_the_same(case: Case) -> None:
    made = edited(case.model, case.edits, seed=7)
    assert torch.equal(outputs(made, case), outputs(made, case))


def test_every_new_parameter_gets_a_gradient_after_one_step(case: Case) -> None:
    made = edited(case.model, case.edits, seed=7).train()
    old = {name.replace(".module", "") for name, _ in case.model.named_parameters()}
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    for _ in range(2):  # what starts at zero holds the rest back at first
        optimizer.zero_grad()
        made(*case.inputs).square().mean().backward()
        optimizer.step()
    new = {n: p for n, p in made.named_parameters() if n not in old and p.requires_grad}
    unused = [n for n, p in new.items() if p.grad is None or not p.grad.any()]
    assert not unused


def test_the_diff_names_each_place_once(case: Case) -> None:
    text = diff_of(case.model, case.edits)
    assert text.count("\n- ") == text.count("\n+ ") > 0


def test_a_spliced_stream_is_a_chain_of_pre_norm_residual_blocks() -> None:
    case = cases()["splice"]
    model = case.model
    assert isinstance(model, broken.FunctionalMLP)
    x = torch.tanh(model.first(case.inputs[0]))
    for layer in model.layers:
        x = x + 0.5 * torch.tanh(layer(F.layer_norm(x, (64,))))
    made = edited(model, case.edits, seed=0)
    torch.testing.assert_close(outputs(made, case), model.head(x), rtol=1e-5, atol=1e-6)


def test_a_long_skip_adds_the_projected_features() -> None:
    case = cases()["long"]
    edits = tuple(e for e in case.edits if not isinstance(e, ScaleWeights))
    made = edited(case.model, edits, seed=0)
    kept: list[Tensor] = []
    entered: list[Tensor] = []
    made.get_submodule("down1").register_forward_hook(lambda m, a, out: kept.append(out))
    splice = made.get_submodule("up1.0")
    inner, skip = splice.get_submodule("module"), splice.get_submodule("skip")
    inner.register_forward_pre_hook(lambda m, args: entered.append(args[0]))
    splice.register_forward_pre_hook(lambda m, args: entered.append(args[0]))
    with torch.no_grad():
        made(*case.inputs)
        torch.testing.assert_close(entered[1], skip(kept[0]) + entered[0])


def test_attention_to_the_encoder_starts_without_any_effect_and_is_softmax_attention() -> None:
    case = cases()["recall"]
    made = edited(case.model, case.edits, seed=0)
    assert torch.equal(outputs(made, case), outputs(case.model, case))
    recalling = made.get_submodule("decoder")
    value, query = (recalling.get_submodule(n) for n in ("value", "query"))
    nn.init.normal_(value.weight)  # type: ignore[arg-type]
    model = case.model
    assert isinstance(model, broken.Seq2Seq)
    with torch.no_grad():
        memory, state = model.encoder(model.embed(case.inputs[0]))
        out, _ = model.decoder(model.embed(case.inputs[1]), state)
        expected = F.scaled_dot_product_attention(query(out), memory, memory)
        expected = model.head(out + value(expected))
    torch.testing.assert_close(outputs(made, case), expected, rtol=1e-4, atol=1e-5)


def test_a_module_that_writes_into_its_input_does_not_write_into_the_stream() -> None:
    model = nn.Sequential(
        nn.Linear(4, 4),
        nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)),
        nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)),
    )
    edits = (
        InsertSkip(path="1", line=0, is_first=True),
        InsertSkip(path="2", line=0, is_last=True, source="1"),
    )
    x = torch.randn(3, 4)
    with torch.no_grad():
        h = model[0](x)
        between = h + model[1](h.clone())
        expected = model[2](between.clone())
        assert torch.equal(edited(model, edits, seed=0)(x), expected)


def test_attributes_of_a_replaced_module_are_still_found() -> None:
    model = edited(broken.plain_mlp(2), (ScaleBranch(path="2", start=0.5),), seed=0)
    layer = model.get_submodule("2")
    assert layer.out_features == 64
    with pytest.raises(AttributeError, match="no attribute 'outfeatures'"):
        _ = layer.outfeatures


def test_edits_of_another_model_are_refused_before_anything_is_changed() -> None:
    edits = (ScaleWeights(path="0", factor=2.0), ScaleBranch(path="99", start=0.5))
    with pytest.raises(InputError, match="no module '99'"):
        edited(broken.plain_mlp(2), edits, seed=0)


def test_a_recipe_that_names_something_unknown_is_refused() -> None:
    recipe = recipe_of((ScaleBranch(path="0", start=0.5),), seed=0)
    entry = {"kind": "os.system", "path": "0"}
    with pytest.raises(InputError, match="KeyError: 'os.system'"):
        edits_of({**recipe, "edits": [entry]})
    with pytest.raises(InputError, match="of schema none, and a recipe is of plusone.fix/1"):
        edits_of({"edits": []})
    part = Part(name="eval", args=("1",))
    with pytest.raises(InputError, match="names the part 'eval'"):
        edited(broken.plain_mlp(2), (WrapInSkip(path="2", scale=part),), seed=0)


def test_half_precision_models_get_parts_of_their_type() -> None:
    for name in ("splice", "gate", "recall"):
        case = cases()[name]
        model = case.model.to(torch.bfloat16)
        made = edited(model, case.edits, seed=0)
        assert {p.dtype for p in made.parameters()} == {torch.bfloat16}


class HoldsResidual(nn.Module):
    """Blocks of plusone.nn that the model has of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Residual(nn.Sequential(nn.Linear(4, 4))) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.blocks(x)
        return made


def test_a_layer_inside_a_residual_block_that_the_model_has_of_its_own_is_edited() -> None:
    model = HoldsResidual()
    edits = (
        ScaleBranch(path="blocks.0.branch.0", start=0.5, learned=False),
        WrapInSkip(path="blocks.0"),
    )
    x = torch.randn(3, 4)
    first, second = model.blocks
    inside = x + 0.5 * first.branch(x)
    torch.testing.assert_close(edited(model, edits, seed=0)(x), second(x + inside))
    (again,) = (edited(edited(model, edits[:1], seed=0), edits[1:], seed=0),)
    torch.testing.assert_close(again(x), second(x + inside))
