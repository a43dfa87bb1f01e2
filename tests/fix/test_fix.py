"""From a model to a plan and a repaired copy; what is left alone, and what is refused."""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import plusone
from fix import broken
from plusone.errors import InputError
from plusone.fix import Plan, load
from plusone.fix.branching import factors_in_words
from plusone.fix.chains import Style, chain_edits
from plusone.fix.edits import (
    CancelSkip,
    CloseSkip,
    DrawWeights,
    InsertSkip,
    NormFirst,
    Recall,
    Remember,
    ScaleBranch,
    ScaleWeights,
    WrapInSkip,
)
from plusone.fix.pasted import code_of
from plusone.fix.sites import survey
from plusone.fix.surgery import edited
from plusone.fix.text import plan_text
from plusone.target.subject import subject_of

ROWS = 32


def rows() -> Tensor:
    return torch.randn(ROWS, 64, generator=torch.Generator().manual_seed(3))


def plan_of(model: nn.Module, inputs: object = None, **options: object) -> Plan:
    """The plan that the scan alone leads to, without a trial."""
    inputs = rows() if inputs is None else inputs
    return plusone.fix(model, inputs, trial_steps=0, **options).plan  # type: ignore[arg-type]


def kinds(plan: Plan) -> set[type]:
    return {type(edit) for edit in plan.edits}


BROKEN: dict[str, tuple[Callable[[], nn.Module], set[type]]] = {
    "plain mlp": (lambda: broken.plain_mlp(24), {InsertSkip}),
    "tanh in the forward": (lambda: broken.tanh_stack(24), {InsertSkip}),
    "plain convolutions": (lambda: broken.PlainCNN(6), {InsertSkip}),
    "over-scaled branches": (lambda: broken.over_scaled(20), {ScaleBranch}),
    "resnet without norm": (lambda: broken.BareResNet(24, 8), {ScaleBranch, WrapInSkip}),
    "tiny weights": (lambda: broken.badly_started(10), {DrawWeights, InsertSkip}),
    "stacked LSTMs": (lambda: broken.StackedLSTM(8), {WrapInSkip, InsertSkip}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_net_gets_the_edits_of_its_kind_and_a_healthy_scan(name: str) -> None:
    make, expected = BROKEN[name]
    model = make()
    before = {key: t.clone() for key, t in model.state_dict().items()}
    plan = plan_of(model)
    assert plan.predicted is not None
    assert plan.predicted.before.label != "trainable"
    assert plan.predicted.after.label == "trainable"
    assert not plan.predicted.after.trouble
    assert kinds(plan) <= expected
    assert all(torch.equal(before[key], t) for key, t in model.state_dict().items())


def test_the_state_before_the_repair_names_warnings_too() -> None:
    plan = plan_of(broken.plain_mlp(24))
    assert plan.predicted is not None
    assert plan.predicted.before.warnings == ("S101",)
    before = next(line for line in plan_text(plan, width=500).splitlines() if "before:" in line)
    assert before.endswith("warning S101")


def test_a_plan_that_scales_branches_says_which_factors_and_where() -> None:
    plan = plan_of(broken.over_scaled(20))
    starts = {edit.start for edit in plan.edits if isinstance(edit, ScaleBranch)}
    (start,) = starts
    words = f"20 branches times a learned factor that starts at {start:.3g}"
    assert f"repair: branches scaled ({words})" in plan.reason


def test_factors_in_the_weights_are_said_to_be_there() -> None:
    edits = (
        *(ScaleWeights(path=f"layers.{k}.linear2", factor=0.1 * (k + 1)) for k in range(3)),
        ScaleBranch(path="out", start=0.5, learned=False),
    )
    assert factors_in_words(edits) == (
        "1 branches times 0.5, for good; "
        "the weights and biases at the end of 3 branches times 0.1 to 0.3"
    )
    assert factors_in_words((NormFirst(path="layers.0"),)) == ""


def test_a_repaired_model_is_not_repaired_again() -> None:
    repair = plusone.fix(broken.plain_mlp(24), rows(), trial_steps=0)
    assert plan_of(repair.apply()).is_empty


def test_a_deep_graph_net_keeps_its_nodes_apart() -> None:
    adjacency = (torch.rand(40, 40) < 0.2).float() + torch.eye(40)
    adjacency = adjacency / adjacency.sum(1, keepdim=True)
    inputs = (torch.randn(40, 16), adjacency)
    repair = plusone.fix(broken.PlainGCN(16, 4, 20), inputs, trial_steps=0)
    assert kinds(repair.plan) == {InsertSkip}
    verdict = repair.rescan().verdict
    assert verdict is not None
    assert verdict.label == "trainable"


def test_the_plan_of_torchs_own_post_norm_layers_edits_no_module_inside() -> None:
    plan = plan_of(broken.post_norm_torch(24))
    assert kinds(plan) <= {NormFirst, ScaleWeights}
    assert plan.edits


def test_a_u_net_without_skips_gets_one_for_each_resolution() -> None:
    images, labels = torch.randn(16, 1, 16, 16), torch.randint(3, (16, 16, 16))
    plan = plan_of(broken.NoSkipUNet(), images, targets=labels, loss_fn=F.cross_entropy)
    assert sum(isinstance(edit, Remember) for edit in plan.edits) == 3
    assert "no detail of the input can reach the output" in plan.reason


def test_an_autoencoder_keeps_its_bottleneck() -> None:
    images = torch.randn(16, 1, 16, 16)
    model = broken.NoSkipUNet(classes=1)
    plan = plan_of(model, images, targets=images, loss_fn=F.mse_loss)
    assert not any(isinstance(edit, Remember) for edit in plan.edits)


class Bypassed(nn.Module):
    """An autoencoder whose first features reach the last layer around the latent."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Linear(64, 32)
        self.latent = nn.Linear(32, 2)
        self.widen = nn.Linear(2, 32)
        self.end = nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        first = F.relu(self.begin(x))
        out: Tensor = self.end(torch.cat((F.relu(self.widen(self.latent(first))), first), 1))
        return out


def test_a_skip_around_the_latent_is_closed_where_the_targets_are_the_inputs() -> None:
    model, x = Bypassed(), rows()
    repair = plusone.fix(model, x, x, F.mse_loss, trial_steps=0)
    closed = [edit for edit in repair.plan.edits if isinstance(edit, CloseSkip)]
    assert [(e.path, e.first, e.count, e.axis) for e in closed] == [("end", 32, 32, 1)]
    made = edited(model, closed, seed=0)
    hidden = F.relu(model.widen(model.latent(F.relu(model.begin(x)))))
    zeros = torch.zeros(ROWS, 32)
    torch.testing.assert_close(made(x), model.end(torch.cat((hidden, zeros), 1)))
    pasted = copy.deepcopy(model)
    exec(code_of(model, closed, seed=0), {"model": pasted})
    assert torch.equal(pasted(x), made(x))


class Summed(nn.Module):
    """The same with the features added; `gives` says that a module of its own gives them."""

    def __init__(self, *, gives: bool) -> None:
        super().__init__()
        self.gives = gives
        self.begin, self.shape = nn.Linear(64, 32), nn.ReLU()
        self.latent = nn.Linear(32, 2)
        self.widen = nn.Linear(2, 32)
        self.end = nn.Linear(32, 64)

    def features(self, x: Tensor) -> Tensor:
        h = self.begin(x)
        return self.shape(h) if self.gives else torch.relu(h)

    def forward(self, x: Tensor) -> Tensor:
        first = self.features(x)
        out: Tensor = self.end(torch.tanh(self.widen(self.latent(first))) + first)
        return out


@pytest.mark.parametrize("gives", [True, False])
def test_a_sum_around_the_latent_is_closed_too(gives: bool) -> None:
    model, x = Summed(gives=gives), rows()
    repair = plusone.fix(model, x, x, F.mse_loss, trial_steps=0)
    closed = [e for e in repair.plan.edits if isinstance(e, Remember | InsertSkip | CancelSkip)]
    made = edited(model, closed, seed=0)
    wanted = model.end(torch.tanh(model.widen(model.latent(model.features(x)))))
    torch.testing.assert_close(made(x), wanted)
    pasted = copy.deepcopy(model)
    exec(code_of(model, closed, seed=0), {"model": pasted})
    assert torch.equal(pasted(x), made(x))
    found = plusone.scan(repair.apply(), x, x, F.mse_loss, quick=True)
    assert "S107" not in [f.code for f in found.findings]


class BehindFunction(Bypassed):
    """The concatenation goes through a function before a module reads it."""

    def forward(self, x: Tensor) -> Tensor:
        first = self.begin(x)
        out: Tensor = self.end(F.gelu(torch.cat((self.widen(self.latent(first)), first), 1)))
        return out


def test_a_concatenation_is_closed_behind_a_function() -> None:
    model, x = BehindFunction(), rows()
    repair = plusone.fix(model, x, x, F.mse_loss, trial_steps=0)
    closed = [edit for edit in repair.plan.edits if isinstance(edit, CloseSkip)]
    made = edited(model, closed, seed=0)
    hidden, zeros = F.gelu(model.widen(model.latent(model.begin(x)))), torch.zeros(ROWS, 32)
    torch.testing.assert_close(made(x), model.end(torch.cat((hidden, zeros), 1)))


class Joined(Summed):
    """The features come back in a way of their own, by `join(main, features)`, before the end."""

    def __init__(self, join: Callable[[Tensor, Tensor], Tensor], *, is_wide: bool = False) -> None:
        super().__init__(gives=True)
        self.join = join
        self.end = nn.Linear(64 if is_wide else 32, 64)

    def forward(self, x: Tensor) -> Tensor:
        first = self.features(x)
        out: Tensor = self.end(self.join(self.widen(self.latent(first)), first))
        return out


class Paired(Joined):
    """The module that gives the features gives them second."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(64, 32), nn.Linear(32, 32)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = self.a(x)
            return h, torch.relu(self.b(h))

    def __init__(self) -> None:
        super().__init__(torch.add)
        self.two = self.Two()

    def forward(self, x: Tensor) -> Tensor:
        h, first = self.two(x)
        out: Tensor = self.end(self.join(self.widen(self.latent(h)), first))
        return out


class Checkpointed(Joined):
    """What reads the sum runs again in the backward."""

    def __init__(self) -> None:
        super().__init__(torch.add)

    def forward(self, x: Tensor) -> Tensor:
        first = self.features(x)
        both = self.widen(self.latent(first)) + first
        out: Tensor = checkpoint(self.end, both, use_reentrant=False)
        return out


HALF = torch.tensor(0.5)
ODD = {
    "a sum turned round": lambda: Joined(lambda a, b: (a + b).flip(1)),
    "a concatenation turned round": lambda: Joined(
        lambda a, b: torch.cat((a, b), 1).flip(1), is_wide=True
    ),
    "a concatenation in rows": lambda: Joined(
        lambda a, b: torch.cat((a.view(-1, 4, 8), b.view(-1, 4, 8)), 2).flatten(1), is_wide=True
    ),
    "a stack": lambda: Joined(lambda a, b: torch.stack((a, b), 2).flatten(1), is_wide=True),
    "dropout behind the sum": lambda: Joined(
        lambda a, b: torch.native_dropout(a + b, 0.5, True)[0]
    ),
    "a sum with a factor": lambda: Joined(lambda a, b: torch.add(a, b, alpha=0.5)),
    "a mean by a tensor": lambda: Joined(lambda a, b: torch.lerp(a, b, HALF)),
    "a product in the sum": lambda: Joined(lambda a, b: torch.addcmul(a, b, b)),
    "the second of two": Paired,
    "a decoder that runs again": Checkpointed,
}


@pytest.mark.parametrize("name", ODD)
def test_a_way_around_is_closed_rightly_or_not_at_all(name: str) -> None:
    torch.manual_seed(0)
    model, x = ODD[name](), rows()
    plan = plan_of(model, x, targets=x, loss_fn=F.mse_loss)
    assert not {CloseSkip, CancelSkip} & set(kinds(plan))
    assert "S107" in plan.reason


def test_a_way_that_returns_twice_is_said_to_be_closed_in_part() -> None:
    class Twice(Joined):
        def forward(self, x: Tensor) -> Tensor:
            first = self.features(x)
            h = torch.tanh(self.widen(self.latent(first))) + first
            out: Tensor = self.end(torch.tanh(self.more(h)) + first)
            return out

    torch.manual_seed(0)
    model, x = Twice(torch.add), rows()
    model.more = nn.Linear(32, 32)
    plan = plan_of(model, x, targets=x, loss_fn=F.mse_loss)
    assert CancelSkip in kinds(plan)
    assert "S107" in plan.predicted.after.warnings  # type: ignore[union-attr]
    assert "another way stays" in plan.reason


def test_the_same_skip_stays_where_the_targets_are_something_else() -> None:
    plan = plan_of(Bypassed(), rows(), targets=torch.randn(ROWS, 64), loss_fn=F.mse_loss)
    assert CloseSkip not in kinds(plan)


def test_a_decoder_that_hears_one_state_gets_attention_and_its_outputs_stay() -> None:
    tokens = torch.randint(10, (16, 12))
    model = broken.Seq2Seq()
    repair = plusone.fix(model, (tokens, tokens), preserve=True)
    assert kinds(repair.plan) == {Remember, Recall}
    assert repair.plan.keeps_outputs
    assert torch.equal(repair.apply()(tokens, tokens), model(tokens, tokens))


def test_a_short_sequence_fits_into_a_state() -> None:
    tokens = torch.randint(10, (16, 4))
    assert plan_of(broken.Seq2Seq(), (tokens, tokens)).is_empty


def test_long_skips_that_keep_the_outputs_start_at_zero() -> None:
    images = torch.randn(16, 1, 16, 16)
    labels = torch.randint(3, (16, 16, 16))
    model = broken.NoSkipUNet()
    repair = plusone.fix(model, images, labels, F.cross_entropy, preserve=True)
    assert repair.plan.keeps_outputs
    made = repair.apply()
    assert torch.equal(made(images), model(images))
    F.cross_entropy(made(images), labels).backward()
    zeros = [p for p in made.parameters() if not p.any()]
    assert len(zeros) >= 3
    assert all(p.grad is not None and p.grad.any() for p in zeros)


class ByAnotherWay(nn.Module):
    """The image reaches the output beside the net that goes down and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.net = nn.Conv2d(1, 3, 3, padding=1), broken.NoSkipUNet()

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.stem(images) * torch.sigmoid(self.net(images))
        return out


def test_a_net_whose_detail_comes_by_another_way_gets_no_long_skip() -> None:
    images, labels = torch.randn(16, 1, 16, 16), torch.randint(3, (16, 16, 16))
    plan = plan_of(ByAnotherWay(), images, targets=labels, loss_fn=F.cross_entropy)
    assert Remember not in kinds(plan)


def test_a_narrow_place_that_no_edit_leads_around_is_said() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 32, 8, 8), nn.Upsample(scale_factor=8), nn.Conv2d(32, 3, 1))
    images, labels = torch.randn(16, 1, 16, 16), torch.randint(3, (16, 16, 16))
    plan = plan_of(model, images, targets=labels, loss_fn=F.cross_entropy)
    assert plan.is_empty
    assert "(S105), and no edit of modules was found that leads around it: " in plan.reason


def test_new_weights_in_frozen_parts_and_beside_a_spectral_norm_are_told() -> None:
    model = broken.plain_mlp(24)
    assert not [n for n in plan_of(model).notes if "frozen" in n or "parametrized" in n]
    for module in list(model.modules())[3:]:
        module.requires_grad_(requires_grad=False)
    assert [n for n in plan_of(model).notes if "frozen" in n]
    model = broken.plain_mlp(24)
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            nn.utils.parametrizations.spectral_norm(module)
    assert [n for n in plan_of(model).notes if "Lipschitz" in n]


def test_where_no_edit_keeps_the_outputs_the_plan_says_so() -> None:
    plan = plan_of(broken.plain_mlp(24), preserve=True)
    assert plan.is_empty
    assert "no edit that keeps the outputs repairs that" in plan.reason


HEALTHY: dict[str, Callable[[], nn.Module]] = {
    "two layers": lambda: broken.plain_mlp(1),
    "residual": lambda: nn.Sequential(
        nn.Linear(64, 64),
        *(
            plusone.nn.Residual(nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.ReLU()))
            for _ in range(12)
        ),
        nn.Linear(64, 10),
    ),
    "post-norm of 4": lambda: broken.post_norm_torch(4),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_net_gets_no_edit(name: str) -> None:
    model = HEALTHY[name]()
    repair = plusone.fix(model, rows())
    assert repair.plan.is_empty
    assert repair.plan.reason.startswith("nothing to repair")
    with pytest.raises(InputError, match="there is nothing to verify"):
        repair.verify(steps=1)


def test_a_net_that_the_scan_doubts_and_that_learns_is_left_alone() -> None:
    torch.manual_seed(0)
    model, x = broken.plain_mlp(6), rows()
    labels = (x.flatten(1) @ torch.randn(x.flatten(1).shape[1], 10)).argmax(1)
    assert plusone.fix(model, x, labels, F.cross_entropy, trial_steps=0).plan.edits
    plan = plusone.fix(model, x, labels, F.cross_entropy, trial_steps=400).plan
    assert plan.is_empty
    assert "in a trial the model learns all the same" in plan.reason
    assert re.search(r"after \d+ of 400 steps", plan.reason)


def test_a_plan_that_a_trial_confirmed_says_so_with_its_steps() -> None:
    torch.manual_seed(0)
    model, x = broken.badly_started(6), rows()
    labels = (x @ torch.randn(64, 10)).argmax(1)
    plan = plusone.fix(model, x, labels, F.cross_entropy, trial_steps=25).plan
    assert re.search(r"the model does not learn \(loss \S+ in 25 steps", plan.reason)
    assert re.search(r"its repair does \(loss \S+ after \d+ of 25 steps", plan.reason)


def test_a_report_that_is_there_already_is_used() -> None:
    model = broken.plain_mlp(24)
    report = plusone.scan(model, rows(), quick=True)
    repair = plusone.fix(model, rows(), report=report, trial_steps=0)
    assert repair.report is report
    assert repair.plan.edits


def test_a_missing_skip_is_put_back() -> None:
    class Block(nn.Module):
        def __init__(self, has_skip: bool) -> None:
            super().__init__()
            self.norm, self.linear = nn.LayerNorm(64), nn.Linear(64, 64)
            self.has_skip = has_skip

        def forward(self, x: Tensor) -> Tensor:
            y = F.gelu(self.linear(self.norm(x)))
            return x + y if self.has_skip else y

    model = nn.Sequential(nn.Linear(64, 64), *(Block(k != 5) for k in range(12)), nn.Linear(64, 10))
    plan = plan_of(model)
    assert [edit.path for edit in plan.edits] == ["6"]
    assert kinds(plan) == {WrapInSkip}


def test_a_saved_repair_is_loaded_onto_a_fresh_model(tmp_path: Path) -> None:
    repair = plusone.fix(broken.tanh_stack(20), rows(), trial_steps=0)
    made = repair.apply()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.01)
    weights, recipe = repair.save(tmp_path / "net.pt", made)
    assert (weights.name, recipe.name) == ("net.pt", "net.json")
    again = load(broken.tanh_stack(20), weights)
    assert torch.equal(again(rows()), made(rows()))
    with pytest.raises(InputError, match="no module 'layers.19'"):
        load(broken.tanh_stack(19), weights)
    with pytest.raises(InputError, match="is the name of the recipe"):
        repair.save(tmp_path / "net.json")


def test_a_compiled_model_gets_a_reason_and_the_plan_as_text() -> None:
    repair = plusone.fix(torch.compile(broken.plain_mlp(24)), rows(), trial_steps=0)
    assert "not applied: the model is compiled" in str(repair.plan).replace("\n", " ")
    assert "Splice(" in str(repair.plan)
    with pytest.raises(InputError, match="was not edited: the model is compiled"):
        repair.apply()


def test_a_frozen_model_gets_a_reason() -> None:
    model = broken.plain_mlp(24).requires_grad_(False)
    repair = plusone.fix(model, rows(), trial_steps=0)
    with pytest.raises(InputError, match="the model is frozen"):
        repair.apply()
    assert not any(p.requires_grad for p in model.parameters())


def test_an_exported_model_gets_a_reason_and_advice() -> None:
    program = torch.export.export(broken.plain_mlp(24), (rows(),))
    repair = plusone.fix(program.module(), rows(), trial_steps=0)
    assert "the model was exported" in repair.plan.refusal
    assert repair.plan.is_empty
    with pytest.raises(InputError, match="export it again"):
        repair.apply()


def test_a_module_that_runs_many_times_is_named_as_the_reason() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 64)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(30):
                x = torch.relu(self.layer(x))
            return x

    repair = plusone.fix(Shared(), rows(), trial_steps=0)
    assert "layer runs 30 times in one forward" in repair.plan.refusal
    with pytest.raises(InputError, match="runs 30 times"):
        repair.apply()


def test_a_model_that_cannot_be_copied_is_refused_in_a_sentence() -> None:
    model = broken.plain_mlp(24)
    model.lock = (n for n in range(3))  # type: ignore[assignment]
    with pytest.raises(InputError, match="cannot be copied"):
        _ = plusone.fix(model, rows(), trial_steps=0).plan


def test_a_net_that_learns_its_batch_far_more_slowly_than_its_repair_is_repaired() -> None:
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    pixels, classes = load_digits(return_X_y=True)
    x = torch.tensor(pixels[:128] / 16.0, dtype=torch.float32)
    labels = torch.tensor(classes[:128])
    torch.manual_seed(0)
    layers = [m for _ in range(20) for m in (nn.Linear(64, 64), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(64, 10))
    for module in net:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=3 * 64**-0.5)
    plan = plusone.fix(net, x, labels, F.cross_entropy).plan
    assert plan.edits
    assert "in a trial the model comes to" in plan.reason


def plain_tanh() -> tuple[nn.Module, Tensor, Tensor]:
    """20 layers with batch norm and no skip, which the scan gives an even chance; and a task."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(20):
        layers += [nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32), nn.Tanh()]
    net = nn.Sequential(nn.Linear(16, 32), *layers, nn.Linear(32, 4))
    x = torch.randn(64, 16)
    return net, x, (x[:, :2] > 0).long() @ torch.tensor([1, 2])


@pytest.mark.parametrize(
    ("steps", "faster", "num_edits"), [(0, 4.0, 0), (60, 4.0, 0), (60, 1.0, 21)]
)
def test_a_long_plain_run_has_to_pass_a_trial_even_if_its_scan_is_fair(
    steps: int, faster: float, num_edits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["plusone.fix.choose"], "_FASTER", faster)
    net, x, labels = plain_tanh()
    plan = plusone.fix(net, x, labels, F.cross_entropy, trial_steps=steps).plan
    assert plan.predicted is not None
    assert plan.predicted.before.label == "trainable"
    assert len(plan.edits) == num_edits
    assert ("have no skip" in plan.reason) == bool(steps)


def test_layers_that_only_widen_are_skipped_together_without_a_projection() -> None:
    widened = [m for _ in range(4) for m in (nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))]
    narrowed = [m for _ in range(4) for m in (nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8))]

    def parts(layers: list[nn.Module]) -> list[str]:
        net = nn.Sequential(nn.Linear(6, 8), *layers, nn.Linear(8, 3))
        edits = chain_edits(survey(subject_of(net, torch.randn(4, 6))), Style(has_projections=True))
        assert edits
        return [part.name for edit in edits for part in edit.parts]

    assert "LinearProjection" not in parts(widened)
    assert "LinearProjection" in parts(narrowed)  # no way around what may be a latent


@pytest.mark.parametrize(("is_sure", "num_edits"), [(True, 21), (False, 0)])
def test_a_repair_need_be_less_fast_where_the_scan_is_sure(
    is_sure: bool, num_edits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["plusone.fix.choose"]
    monkeypatch.setattr(module, "_SURE", 1.0 if is_sure else 0.0)
    monkeypatch.setattr(module, "_FASTER", 100.0)
    monkeypatch.setattr(module, "_FASTER_SURE", 1.0)
    net, x, labels = plain_tanh()
    plan = plusone.fix(net, x, labels, F.cross_entropy, trial_steps=60).plan
    assert len(plan.edits) == num_edits


class Written(Summed):
    """The sum is the output itself: no module reads it."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.end(torch.tanh(self.widen(self.latent(self.features(x))))) + x
        return out


def test_a_way_around_that_no_edit_closes_is_told() -> None:
    model, x = Written(gives=False), rows()
    plan = plan_of(model, x, targets=x, loss_fn=F.mse_loss)
    assert not plan.edits
    assert "(S107), and no edit of modules was found" in plan.reason
