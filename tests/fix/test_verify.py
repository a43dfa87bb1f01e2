"""Training side by side: the same batches and seed, nothing changed, and what the curves say."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import plusone
from fix import broken
from plusone.errors import InputError
from plusone.fix.curves import curves_text
from plusone.fix.task import task_of
from plusone.fix.trial import tried_out
from plusone.fix.verify import Training, Verification, verify
from plusone.target.subject import subject_of


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(5)
    return torch.randn(32, 64), torch.randint(10, (32,))


def test_a_model_beside_itself_gives_twice_the_curve_of_a_plain_loop() -> None:
    x, y = digits()
    model = nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.3), nn.Linear(32, 10))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    random = torch.get_rng_state()
    subject = subject_of(model, x, y, F.cross_entropy)
    training = Training(steps=5, seed=4)
    found = verify(subject, model, training, lambda stage, share: None)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert found.original == found.repaired
    torch.manual_seed(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(5):
        loss = F.cross_entropy(model(x), y)
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert found.original == tuple(losses)


def test_the_verdicts_say_who_trains_and_who_does_not() -> None:
    def of(original: tuple[float, ...], repaired: tuple[float, ...]) -> tuple[str, str]:
        found = Verification(
            original=original, repaired=repaired, task="loss", steps=3, learning_rate=1e-3
        )
        return found.original_verdict, found.repaired_verdict

    assert of((2.3, 2.3, 2.29), (2.4, 1.0, 0.2)) == ("does not train", "trains")
    assert of((2.3, 1.0, 0.2), (2.4, 1.0, 0.2)) == ("trains", "trains")
    assert of((2.3, 2.3, 2.29), (2.4, 2.3, 2.3)) == ("does not train", "does not train")
    assert of((2.3, float("nan")), (2.4, 1.0, 0.2)) == ("diverges", "trains")
    assert of((1e6, 1e5, 5e3), (2.4, 1.0, 0.2)) == ("does not train", "trains")


def test_without_a_loss_both_learn_the_same_map_of_the_inputs() -> None:
    x, _ = digits()
    subject = subject_of(nn.Linear(64, 10), x)
    loss_of, words = task_of(subject, 0)
    assert "a stand-in, as the target has no loss" in words
    again, _ = task_of(subject, 0)
    out = torch.zeros(32, 10)
    assert float(loss_of(out)) == float(again(out))
    assert 0.9 < float(loss_of(out)) < 1.1  # targets of unit variance


def test_ctrl_c_keeps_what_there_is() -> None:
    x, y = digits()
    model = broken.plain_mlp(1)

    def tell(stage: str, share: float) -> None:
        if share > 0.7:
            raise KeyboardInterrupt

    subject = subject_of(model, x, y, F.cross_entropy)
    found = verify(subject, model, Training(steps=10), tell)
    assert found.is_interrupted
    assert len(found.original) == 10
    assert 0 < len(found.repaired) < 10
    assert "(interrupted)" in curves_text(found, width=60)
    assert max(map(len, curves_text(found, width=60).splitlines())) <= 60


def test_steps_and_frozen_models_are_refused() -> None:
    x, y = digits()
    model = broken.plain_mlp(1)
    subject = subject_of(model, x, y, F.cross_entropy)
    with pytest.raises(InputError, match="steps is 0"):
        verify(subject, model, Training(steps=0), lambda stage, share: None)
    model.requires_grad_(False)
    with pytest.raises(InputError, match="nothing can be trained"):
        verify(subject, model, Training(steps=1), lambda stage, share: None)


def test_a_trial_knows_the_best_constant_and_who_comes_below_it() -> None:
    x = torch.randn(32, 64)
    y = torch.cat((torch.zeros(24), torch.ones(8))).long()
    entropy = -(0.75 * torch.tensor(0.75).log() + 0.25 * torch.tensor(0.25).log())
    learner = nn.Linear(64, 2)
    subject = subject_of(learner, x, y, F.cross_entropy)
    good = tried_out(subject, learner, steps=150, seed=0)
    assert good.learned
    assert good.constant == pytest.approx(float(entropy), abs=1e-3)
    deaf = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 2))
    nn.init.zeros_(deaf[0].weight)  # type: ignore[arg-type]
    nn.init.zeros_(deaf[1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(deaf[0].bias)  # type: ignore[arg-type]
    deaf[0].requires_grad_(False)
    assert not tried_out(subject_of(deaf, x, y, F.cross_entropy), deaf, steps=150, seed=0).learned


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "make", [broken.plain_mlp, pytest.param(broken.tanh_stack, marks=pytest.mark.long)]
)
def test_on_digits_the_original_fails_where_the_repaired_net_learns(make: object) -> None:
    from sklearn.datasets import load_digits

    data = load_digits()
    x = torch.tensor(data.data / 16.0, dtype=torch.float32)
    x, y = (x - x.mean()) / x.std(), torch.tensor(data.target)
    torch.manual_seed(0)
    model = make()  # type: ignore[operator]
    repair = plusone.fix(model, x[:256], y[:256], F.cross_entropy)
    found = repair.verify(steps=100)
    assert (found.original_verdict, found.repaired_verdict) in {
        ("does not train", "trains"),
        ("diverges", "trains"),
    }
    torch.manual_seed(0)
    made = repair.apply()
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-3)
    for _ in range(3):
        for k in torch.randperm(1400).split(64):
            optimizer.zero_grad()
            F.cross_entropy(made(x[k]), y[k]).backward()
            optimizer.step()
    with torch.no_grad():
        right = made.eval()(x[1400:]).argmax(1) == y[1400:]
    assert float(right.float().mean()) > 0.8
