"""Deep stacks of post-norm: counted, as what a scan measures at their start is healthy."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import plusone
from fix import broken
from plusone.fix.postnorm import deep_post_norm
from plusone.fix.sites import survey
from plusone.target.subject import subject_of


def bert(depth: int) -> nn.Module:
    """torch's post-norm layers with the weights of BERT."""
    model = broken.post_norm_torch(depth)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "encoder" in name:
            nn.init.normal_(parameter, std=0.02)
    return model


@pytest.mark.parametrize("make", [broken.post_norm_torch, bert])
def test_the_gradient_keeps_its_size_over_a_deep_post_norm_stack(make: object) -> None:
    torch.manual_seed(0)
    model, rows = make(24), torch.randn(16, 64)  # type: ignore[operator]
    report = plusone.scan(model, rows, quick=True, timed=False)
    assert abs(float(report.end_to_end.log10_gradient_ratio)) < 1
    assert not [f.code for f in report.findings if f.code in ("G201", "G202")]


@pytest.mark.parametrize(("depth", "count"), [(12, 0), (17, 0), (18, 36)])
def test_stacks_as_deep_as_bert_base_are_not_deep(depth: int, count: int) -> None:
    subject = subject_of(broken.post_norm_torch(depth), torch.randn(2, 64))
    assert deep_post_norm(survey(subject)) == count
