"""Reversible blocks: inverse, gradients of a plain stack, memory that does not grow with depth."""

import copy
import warnings

import pytest
import revlib
import torch
from torch import nn

from plusone.errors import InputError
from plusone.nn.reversible import ReversibleBlock, ReversibleSequential
from plusone.testing import ResidualContract, assert_every_parameter_matters
from plusone.testing.invertible import assert_invertible

WIDTH = 32


def mlp(width=WIDTH, gain=1.0):
    last = nn.Linear(2 * width, width)
    with torch.no_grad():
        last.weight *= gain
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), last)


def stack(depth=5, seed=0, branch=mlp):
    torch.manual_seed(seed)
    return ReversibleSequential([(branch(), branch()) for _ in range(depth)])


def plain(stack, x, *args, **kwargs):
    """The same net by ordinary autograd: equation 6 of arXiv 1707.04585, a block at a time."""
    x1, x2 = x.chunk(2, -1) if isinstance(x, torch.Tensor) else x
    for block in stack.blocks:
        x1 = x1 + block.f(x2, *args, **kwargs)
        x2 = x2 + block.g(x1, *args, **kwargs)
    return torch.cat([x1, x2], -1) if isinstance(x, torch.Tensor) else (x1, x2)


def data(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradients(output, leaves):
    weights = data(*output.shape, seed=5).to(output.dtype)
    return torch.autograd.grad((output * weights).sum(), leaves)


def relative(found, wanted):
    """The error of all tensors together, relative to the norm of all."""
    one, other = (torch.cat([t.detach().double().flatten() for t in ts]) for ts in (found, wanted))
    return float((one - other).norm() / other.norm())


def compare(net, x, *args, tolerance=2e-7, leaves=(), **kwargs):
    """Outputs and all gradients against the plain stack's."""
    leaves = [*leaves, *(p for p in net.parameters() if p.requires_grad)]
    output, wanted = net(x, *args, **kwargs), plain(net, x, *args, **kwargs)
    assert relative([output], [wanted]) < 1e-6
    assert relative(gradients(output, leaves), gradients(wanted, leaves)) < tolerance


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gradients_are_those_of_the_plain_stack(seed):
    x = data(7, 2 * WIDTH, seed=seed).requires_grad_()
    compare(stack(5, seed), x, leaves=[x])


def test_over_100_blocks_they_are_as_good_as_float32_lets_the_plain_stack_be():
    net, x = stack(100), data(7, 2 * WIDTH)
    double = copy.deepcopy(net).double()
    exact = gradients(plain(double, x.double()), list(double.parameters()))
    ours, plainly = (
        gradients(run(x), list(net.parameters())) for run in (net, lambda v: plain(net, v))
    )
    assert relative(plainly, exact) < relative(ours, exact) < 3 * relative(plainly, exact)


def test_in_float64_they_are_the_same_to_rounding():
    x = data(7, 2 * WIDTH).double().requires_grad_()
    compare(stack(8).double(), x, leaves=[x], tolerance=1e-14)


def test_the_input_need_not_require_a_gradient():
    compare(stack(), data(7, 2 * WIDTH))


def test_frozen_parameters_stay_without_and_others_keep_theirs():
    net = stack()
    for index in (0, 1, 4):
        net.blocks[index].requires_grad_(False)
    compare(net, data(7, 2 * WIDTH))
    x = data(7, 2 * WIDTH).requires_grad_()
    compare(net, x, leaves=[x])
    net.requires_grad_(False)
    assert not net(data(7, 2 * WIDTH)).requires_grad


def test_backward_leaves_gradients_on_parameters_and_adds_up():
    net = stack()
    x = data(7, 2 * WIDTH).requires_grad_()
    net(x).square().sum().backward()
    once = [p.grad.clone() for p in net.parameters()]
    net(x).square().sum().backward()
    assert relative([p.grad for p in net.parameters()], [2 * g for g in once]) < 1e-7


def test_two_backward_passes_of_one_graph():
    net = stack()
    output = net(data(7, 2 * WIDTH))
    leaves = list(net.parameters())
    once = torch.autograd.grad(output.square().sum(), leaves, retain_graph=True)
    again = torch.autograd.grad(output.square().sum(), leaves)
    assert relative(again, once) == 0


def test_a_block_and_a_stack_used_twice():
    torch.manual_seed(0)
    block = ReversibleBlock(mlp(), mlp())
    compare(ReversibleSequential([block, block]), data(7, 2 * WIDTH))
    net = stack()
    x = data(7, 2 * WIDTH).requires_grad_()
    leaves = [x, *net.parameters()]
    found = gradients(net(net(x)), leaves)
    assert relative(found, gradients(plain(net, plain(net, x)), leaves)) < 2e-7


def test_f_and_g_may_be_one_module():
    branch = mlp()
    compare(ReversibleSequential([(branch, branch)]), data(7, 2 * WIDTH))


def test_two_streams_of_different_shapes_of_the_batch_axis_in_any_layout():
    net = ReversibleSequential([(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())], dim=1)
    x = data(2, 6, 5, 5)
    x1, x2 = x.chunk(2, 1)
    y1, y2 = net((x1, x2))
    assert torch.equal(torch.cat([y1, y2], 1), net(x))
    torch.testing.assert_close(y1, x1 + net.blocks[0].f(x2))
    torch.testing.assert_close(y2, x2 + torch.tanh(y1))


def test_only_one_output_used():
    net = stack()
    x = tuple(data(7, WIDTH, seed=s) for s in (1, 2))
    leaves = list(net.blocks[:-1].parameters())
    for index in (0, 1):
        found, wanted = gradients(net(x)[index], leaves), gradients(plain(net, x)[index], leaves)
        assert relative(found, wanted) < 2e-7


class CrossBranch(nn.Module):
    """A branch with a context, as a decoder's attention has."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, memory, bias=None, *, scale=1.0):
        x = torch.tanh(self.inner(x)) * memory * scale
        return x if bias is None else x + bias["b"]


def test_gradients_reach_tensors_among_the_arguments():
    net = stack(4, branch=CrossBranch)
    memory, bias = data(7, WIDTH).requires_grad_(), data(WIDTH).requires_grad_()
    x = data(7, 2 * WIDTH)
    compare(net, x, memory, scale=0.5, leaves=[memory])
    compare(net, x, memory, None, leaves=[memory])
    compare(net, x, memory, bias={"b": bias}, leaves=[memory, bias])
    compare(net, x, memory.detach(), bias={"b": bias}, leaves=[bias])


class WithDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(0.5), nn.Tanh())

    def forward(self, x):
        return self.inner(x)


def test_dropout_drops_the_same_units_again():
    net = stack(4, branch=WithDropout)
    x = data(50, 2 * WIDTH)
    leaves = list(net.parameters())
    results = []
    for run in (net, lambda v: plain(net, v)):
        torch.manual_seed(3)
        output = run(x)
        after = torch.rand(1)
        results.append((output, gradients(output, leaves), after, torch.rand(1)))
    (y, found, *random), (z, wanted, *expected) = results
    assert torch.equal(y, z)
    assert relative(found, wanted) < 2e-7
    # The user's random numbers go on as if nothing had been run twice.
    assert random == expected


def test_dropout_that_is_not_replayed_would_be_seen():
    net = stack(4, branch=WithDropout)
    x = data(50, 2 * WIDTH)
    leaves = list(net.parameters())
    torch.manual_seed(3)
    found = gradients(net(x), leaves)
    torch.manual_seed(4)
    assert relative(gradients(plain(net, x), leaves), found) > 0.1


def batch_normed():
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh())


def spectral():
    return nn.utils.parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH))


@pytest.mark.parametrize("branch", [batch_normed, spectral])
def test_buffers_change_once_a_step(branch):
    net = stack(3, branch=branch)
    other = copy.deepcopy(net)
    x = data(20, 2 * WIDTH)
    for _ in range(3):
        found = gradients(net(x), list(net.parameters()))
        wanted = gradients(plain(other, x), list(other.parameters()))
        assert relative(found, wanted) < 2e-6
    buffers = dict(other.named_buffers())
    assert buffers
    for name, buffer in net.named_buffers():
        torch.testing.assert_close(buffer, buffers[name])


def test_buffers_of_a_block_used_twice_are_those_of_the_forward_pass():
    block = ReversibleBlock(batch_normed(), batch_normed())
    net = ReversibleSequential([block, block])
    other = copy.deepcopy(net)
    before = [id(buffer) for buffer in net.buffers()]
    x = data(20, 2 * WIDTH)
    net(x).sum().backward()
    plain(other, x)
    for found, wanted in zip(net.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(found, wanted)
    assert [id(buffer) for buffer in net.buffers()] == before


def test_a_hook_of_a_parameter_runs_once():
    net = stack(3)
    x = data(7, 2 * WIDTH)
    parameters = list(net.parameters())
    wanted = gradients(plain(net, x), parameters)
    handle = parameters[5].register_hook(lambda grad: 2 * grad)
    found = gradients(net(x), parameters)
    handle.remove()
    assert relative([found[5]], [2 * wanted[5]]) < 1e-6
    assert relative(found[:5], wanted[:5]) < 1e-6


def test_functional_call_sees_the_parameters_it_was_given():
    net, x = stack(3), data(7, 2 * WIDTH)
    others = {n: (2 * p.detach()).requires_grad_() for n, p in net.named_parameters()}
    output = torch.func.functional_call(net, others, x)
    found = gradients(output, list(others.values()))
    doubled = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in doubled.parameters():
            parameter *= 2
    wanted = gradients(plain(doubled, x), list(doubled.parameters()))
    assert relative(found, wanted) < 1e-6


def test_parameters_changed_between_the_passes_are_found_out():
    net = stack(3)
    output = net(data(7, 2 * WIDTH))
    with torch.no_grad():
        net.blocks[0].f[1].weight += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_gradients_of_gradients_are_refused():
    x = data(7, 2 * WIDTH).requires_grad_()
    (grad,) = torch.autograd.grad(stack()(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


def test_autocast_is_that_of_the_forward_pass():
    net, x = stack(3), data(50, 2 * WIDTH)
    leaves = list(net.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, wanted = net(x), plain(net, x)
    assert output.dtype == torch.float32
    assert relative([output], [wanted]) < 1e-6
    inside = gradients(wanted, leaves)
    off = relative(gradients(output, leaves), inside)
    # Without it the branches would be those of float32.
    assert off < 0.2 * relative(gradients(plain(net, x), leaves), inside)


def test_the_inverse_after_100_blocks_is_good_to_five_digits():
    net = stack(100).eval()
    x = data(16, 2 * WIDTH)
    assert_invertible(net, x, rtol=1e-5)
    assert_invertible(net.double(), x.double(), rtol=1e-13)
    assert_invertible(net.blocks[0], *x.double().chunk(2, -1), rtol=1e-13)


def test_a_wrong_inverse_is_found():
    class Swapped(ReversibleBlock):
        def inverse(self, y1, y2):
            x1 = y1 - self.f(y2)
            return x1, y2 - self.g(x1)

    with pytest.raises(AssertionError, match="not x"):
        assert_invertible(Swapped(mlp(), mlp()), *data(5, 2 * WIDTH).chunk(2, -1))


@pytest.mark.filterwarnings("ignore:Streams of torch.bfloat16")
def test_bfloat16_loses_the_input_and_says_so():
    net, x = stack(100).bfloat16(), data(16, 2 * WIDTH).bfloat16()
    with torch.no_grad():
        back = net.inverse(net(x))
    assert relative([back], [x]) > 0.02
    with pytest.warns(UserWarning, match="Streams of torch.bfloat16 cannot be computed back"):
        net(x)


@pytest.mark.parametrize(
    ("inner", "wide"), [(torch.bfloat16, torch.float32), (torch.float32, torch.float64)]
)
def test_wider_streams_make_gradients_exact(inner, wide):
    net = stack(50).to(inner)
    net.stream_dtype = wide
    x = data(16, 2 * WIDTH).to(inner)
    leaves = list(net.parameters())

    def wide_plain(x):
        x1, x2 = x.to(wide).chunk(2, -1)
        for block in net.blocks:
            x1 = x1 + block.f(x2.to(inner))
            x2 = x2 + block.g(x1.to(inner))
        return torch.cat([x1, x2], -1).to(inner)

    output = net(x)  # no warning
    assert output.dtype == inner
    assert torch.equal(output, wide_plain(x))
    found, wanted = gradients(output, leaves), gradients(wide_plain(x), leaves)
    assert [g.dtype for g in found] == [inner] * len(found)
    off = relative(found, wanted)
    assert off < torch.finfo(inner).eps / 5
    net.stream_dtype = None
    with warnings.catch_warnings(action="ignore"):
        narrow = gradients(net(x), leaves)
    assert relative(narrow, gradients(plain(net, x), leaves)) > 5 * off


def stored_bytes(run):
    """Bytes of the storages, parameters apart, that the graph of run() keeps."""
    stored = {}

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = run()
    assert output.requires_grad
    return sum(stored.values())


def test_memory_is_flat_from_depth_10_to_200():
    x = data(64, 2 * WIDTH)
    nets = {depth: stack(depth) for depth in (10, 50, 200)}
    stored = {depth: stored_bytes(lambda net=net: net(x)) for depth, net in nets.items()}
    assert len(set(stored.values())) == 1
    assert stored[200] <= 2 * x.nbytes
    plainly = [stored_bytes(lambda net=net: plain(net, x)) for net in nets.values()]
    assert plainly[2] > 15 * plainly[0] > 100 * stored[10]


def test_nothing_but_random_states_in_use_is_kept_beside_the_graph():
    """What hooks of saved tensors do not see: a state of 5 kB for each branch with dropout."""
    for branch, kept in ((mlp, 0), (WithDropout, 2)):
        output = stack(1, branch=branch)((data(7, WIDTH), data(7, WIDTH)))[0]
        replays = output.grad_fn.replays
        assert sum(replay.random is not None for replay in replays) == kept
        assert not any(replay.buffers for replay in replays)


def test_no_activations_outlive_a_backward_pass():
    net = stack(4)
    output = net(data(7, 2 * WIDTH))
    last = output.grad_fn.next_functions[0][0]
    output.sum().backward(retain_graph=True)
    assert last.call.tape.pair is None


class TestStack(ResidualContract):
    def build(self):
        return stack(3)

    def inputs(self):
        return (torch.randn(4, 2 * WIDTH),)

    @pytest.mark.filterwarnings("ignore:Streams of torch.bfloat16")
    def test_bfloat16_stays_bfloat16_and_near(self):
        super().test_bfloat16_stays_bfloat16_and_near()


class TestBlock(ResidualContract):
    def build(self):
        class OneTensor(nn.Module):
            def __init__(self):
                super().__init__()
                self.block = ReversibleBlock(mlp(), mlp())

            def forward(self, x):
                return torch.cat(self.block(*x.chunk(2, -1)), -1)

        return OneTensor()

    def inputs(self):
        return (torch.randn(4, 2 * WIDTH),)

    @pytest.mark.filterwarnings("ignore:Streams of torch.bfloat16")
    def test_bfloat16_stays_bfloat16_and_near(self):
        super().test_bfloat16_stays_bfloat16_and_near()


def test_every_parameter_matters_to_either_stream():
    assert_every_parameter_matters(stack(2), data(4, 2 * WIDTH))


class OnlyPositive(nn.Module):
    def forward(self, x):
        return x.relu_()


class WithWeights(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("branch", "message"),
    [
        (lambda: nn.Linear(WIDTH, 1), r"keeps shapes; Linear made \(7, 1\) for .* \(7, 32\)"),
        (OnlyPositive, "OnlyPositive changes its input in place"),
        (WithWeights, "returns one tensor; WithWeights returned tuple"),
    ],
)
def test_branches_that_cannot_be_undone_get_a_reason(branch, message):
    net = ReversibleSequential([(mlp(), branch())])
    with pytest.raises(InputError, match=message):
        net(data(7, 2 * WIDTH))


def test_a_branch_that_widens_the_type_gets_a_reason():
    class Wider(nn.Module):
        def forward(self, x):
            return x.double()

    with pytest.raises(InputError, match=r"Wider made torch.float64 for a stream of torch.float32"):
        ReversibleBlock(Wider(), nn.Tanh())(data(2, 2), data(2, 2))


def test_other_bad_arguments_get_a_reason():
    with pytest.raises(InputError, match="at least 1 block"):
        ReversibleSequential([])
    with pytest.raises(InputError, match=r"halves axis -1 .* \(3, 5\)"):
        ReversibleSequential([(mlp(), mlp())])(data(3, 5))


def test_revlib_gives_the_same_outputs_and_gradients():
    net, x = stack(4), data(7, 2 * WIDTH).requires_grad_()
    theirs = revlib.ReversibleSequential(
        *(branch for block in net.blocks for branch in (block.f, block.g)), split_dim=-1
    )
    ours, peers = net(x), theirs(x)
    assert relative([ours], [peers]) < 1e-6
    net.zero_grad()
    ours.square().sum().backward()
    found = [x.grad, *(p.grad for p in net.parameters())]
    x.grad = None
    net.zero_grad()
    peers.square().sum().backward()
    assert relative(found, [x.grad, *(p.grad for p in net.parameters())]) < 1e-6


def test_revlib_gives_no_gradient_where_the_input_has_none_and_we_do():
    net, x = stack(2), data(7, 2 * WIDTH)
    theirs = revlib.ReversibleSequential(
        *(branch for block in net.blocks for branch in (block.f, block.g)), split_dim=-1
    )
    assert not theirs(x).requires_grad
    assert net(x).requires_grad
