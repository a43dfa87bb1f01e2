"""One suite of tests that every block passes, the user's too: subclass it in a pytest file.

class TestMyBlock(ResidualContract):
    is_identity_at_init = True

    def build(self) -> nn.Module:
        return MyBlock(16)

    def inputs(self) -> tuple[object, ...]:
        return (torch.randn(4, 16),)
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from unittest import SkipTest

import torch
from torch import Tensor, nn

from plusone.testing.every_parameter_matters import assert_every_parameter_matters
from plusone.testing.identity_at_init import assert_identity_at_init
from plusone.testing.one_device import output_on_meta
from plusone.testing.running import cotangent_for, double_copy, doubled, output_of, rms, seeded
from plusone.testing.trainable import assert_trainable


class ResidualContract:
    """Tests of a block made by `build()` and called on `inputs()`.

    Shape, gradient, identity at initialisation where `is_identity_at_init`, every parameter's
    effect, training, float64, bfloat16, meta device, deepcopy, state_dict, torch.compile without a
    graph break, torch.export. Both methods are called anew for each test, after
    `torch.manual_seed(0)`. Override an attribute or a test where a block promises something else.
    """

    is_identity_at_init = False
    identity_atol = 0.0
    # Names or patterns of parameters that cannot matter, and of those that hold several in one
    # tensor; steps until all zeros are left.
    ignored_parameters: Iterable[str] = ()
    packed_parameters: Iterable[str] = ()
    num_opening_steps = 1
    # Relative to the output's root mean square: rounding to 8 bits, over a few layers.
    bfloat16_tolerance = 0.03
    compile_backend = "aot_eager"

    def build(self) -> nn.Module:
        """A fresh block in train mode."""
        raise NotImplementedError("Return the block that is to be tested.")

    def inputs(self) -> tuple[object, ...]:
        """The block's positional arguments, the stream first, in float32."""
        raise NotImplementedError("Return the block's inputs.")

    def expected_at_init(self, inputs: tuple[object, ...]) -> Tensor:
        """What the output must equal at initialisation, if `is_identity_at_init`."""
        stream = inputs[0]
        assert isinstance(stream, Tensor)
        return stream

    def expected_shape(self, inputs: tuple[object, ...]) -> tuple[int, ...]:
        """The output's shape: the stream's."""
        stream = inputs[0]
        assert isinstance(stream, Tensor)
        return tuple(stream.shape)

    def made(self) -> tuple[nn.Module, tuple[object, ...]]:
        """The block and its inputs, the same ones each time."""
        with seeded(0):
            return self.build(), self.inputs()

    def test_the_output_has_the_promised_shape_and_type(self) -> None:
        module, inputs = self.made()
        output = output_of(module, inputs)
        self._check_shape(output, inputs)
        assert output.dtype == torch.float32, f"The output is of {output.dtype}, not of float32."
        assert bool(torch.isfinite(output).all()), "The output is not finite."

    def test_the_gradient_reaches_the_input_and_every_parameter_in_use(self) -> None:
        module, inputs = self.made()
        watched = tuple(
            x.clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x
            for x in inputs
        )
        output = output_of(module, watched)
        (output * cotangent_for(output, 1)).sum().backward()
        stream = watched[0]
        assert isinstance(stream, Tensor), "The first input, the stream, is no tensor."
        assert stream.grad is not None, "No gradient reaches the input."
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        assert all(bool(torch.isfinite(g).all()) for g in (stream.grad, *gradients)), (
            "A gradient is not finite."
        )
        assert rms(stream.grad) > 0, "The gradient at the input is zero."
        assert gradients or not list(module.parameters()), "No parameter has a gradient."

    def test_it_is_the_identity_at_initialisation_where_promised(self) -> None:
        if not self.is_identity_at_init:
            raise SkipTest("promises no identity")
        module, inputs = self.made()
        expected = self.expected_at_init(inputs)
        for mode in (True, False):
            module.train(mode)
            assert_identity_at_init(module, *inputs, expected=expected, atol=self.identity_atol)

    def test_every_parameter_matters(self) -> None:
        module, inputs = self.made()
        if not list(module.parameters()):
            raise SkipTest("has no parameters")
        assert_every_parameter_matters(
            module.eval(),  # in train mode stochastic depth may drop the whole branch
            *inputs,
            num_steps=self.num_opening_steps,
            ignore=self.ignored_parameters,
            packed=self.packed_parameters,
        )

    def test_it_trains(self) -> None:
        module, inputs = self.made()
        if not list(module.parameters()):
            raise SkipTest("has no parameters")
        assert_trainable(module.eval(), *inputs)

    def test_float64_gives_the_same_with_more_digits(self) -> None:
        module, inputs = self.made()
        module.eval()
        short = output_of(module, inputs)
        long = output_of(double_copy(module), doubled(inputs))
        assert long.dtype == torch.float64, f"In float64 the output is of {long.dtype}."
        self._check_near(short, long, 1e-5, "float32 against float64")

    def test_bfloat16_stays_bfloat16_and_near(self) -> None:
        module, inputs = self.made()
        module.eval()
        expected = output_of(module, inputs)
        rounded = tuple(
            x.bfloat16() if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs
        )
        output = output_of(copy.deepcopy(module).bfloat16(), rounded)
        assert output.dtype == torch.bfloat16, f"In bfloat16 the output is of {output.dtype}."
        self._check_near(output, expected, self.bfloat16_tolerance, "bfloat16 against float32")

    def test_nothing_is_read_from_another_device(self) -> None:
        module, inputs = self.made()
        self._check_shape(output_on_meta(module, inputs), inputs)

    def test_a_deep_copy_gives_the_same_and_shares_nothing(self) -> None:
        module, inputs = self.made()
        module.eval()
        copied = copy.deepcopy(module)
        self._check_near(output_of(copied, inputs), output_of(module, inputs), 0, "a deep copy")
        kept = {p.data_ptr() for p in module.parameters() if p.numel()}
        assert not kept & {p.data_ptr() for p in copied.parameters() if p.numel()}, (
            "A deep copy shares parameters with the original."
        )

    def test_the_state_dict_carries_everything(self) -> None:
        module, inputs = self.made()
        with torch.no_grad():
            for number, parameter in enumerate(module.parameters()):
                parameter.add_(0.1 * cotangent_for(parameter, number))
        with seeded(1):
            fresh = self.build()
        fresh.load_state_dict(module.state_dict())
        expected = output_of(module.eval(), inputs)
        self._check_near(output_of(fresh.eval(), inputs), expected, 0, "after load_state_dict")

    def test_it_compiles_without_a_graph_break(self) -> None:
        module, inputs = self.made()
        torch.compiler.reset()
        compiled = torch.compile(module, fullgraph=True, backend=self.compile_backend)
        for mode in (True, False):
            module.train(mode)
            output = output_of(compiled, inputs)
            self._check_shape(output, inputs)
        self._check_near(output, output_of(module, inputs), 1e-5, "compiled")

    def test_it_exports(self) -> None:
        module, inputs = self.made()
        exported = torch.export.export(module.eval(), inputs)
        found = output_of(exported.module(), inputs)
        self._check_near(found, output_of(module, inputs), 1e-5, "exported")

    def _check_shape(self, output: Tensor, inputs: tuple[object, ...]) -> None:
        found, wanted = tuple(output.shape), self.expected_shape(inputs)
        assert found == wanted, f"The output has shape {found}, not {wanted}."

    def _check_near(self, found: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
        off = rms(found.double() - wanted.double()) / (rms(wanted) or 1.0)
        assert off <= tolerance, f"Off by {off:.2g} of the output ({what}; allowed {tolerance:g})."
