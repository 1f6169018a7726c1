"""The torch drop-ins beside torch.optim: the same numbers in float64, the same state, and right where torch is not."""

import copy
import inspect
import io
import os
import pickle
import warnings

import numpy as np
import pytest
import torch

import steepest.torch
from steepest import dialects
from steepest.tensors import move_lists, torch_team
from steepest.torch import _optimizer

EPS = {"eps": 0.3}
CASES = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1, "maximize": True}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {**EPS, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.1}),
    *(
        ("RMSprop", {**EPS, "alpha": 0.8, "centered": centered, "momentum": momentum, "weight_decay": 0.1})
        for centered in (False, True)
        for momentum in (0.0, 0.9)
    ),
    ("Adadelta", {**EPS, "rho": 0.8, "maximize": True}),
    ("Adam", {**EPS, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("Adam", {**EPS, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {**EPS, "amsgrad": True}),
    ("AdamW", {**EPS, "weight_decay": 0.1}),
    ("AdamW", {**EPS, "amsgrad": True}),
    ("Adamax", {**EPS, "weight_decay": 0.1}),
    ("NAdam", {**EPS, "momentum_decay": 0.5, "weight_decay": 0.1}),
    ("NAdam", {**EPS, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("RAdam", {**EPS, "weight_decay": 0.1}),
]
every_case = pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{name} {options}" for name, options in CASES])
LIBRARIES = (steepest.torch, torch.optim)


@pytest.fixture(autouse=True)
def _double():
    """torch keeps step counts and Nadam's product in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def begin(dtype=torch.float64):
    random = np.random.default_rng(3)
    shapes = [(3, 4), (5,), (7,)]
    return [torch.nn.Parameter(torch.tensor(random.normal(size=shape), dtype=dtype)) for shape in shapes]


def gradients(steps, dtype=torch.float64):
    """Of very different sizes; the second's exactly 0 for stretches, the third's missing until step 300."""
    random, sizes = np.random.default_rng(7), np.array([1e-3, 0.1, 1.0, 5.0])
    for step in range(steps):
        g = [random.normal(size=(3, 4)) * sizes, random.normal(size=5) * (step % 50 > 20), random.normal(size=7)]
        yield step, [None if i == 2 and step < 300 else torch.tensor(one, dtype=dtype) for i, one in enumerate(g)]


def train(parameters, optimizer, steps=1000, first=0, dtype=torch.float64):
    for step, given in gradients(steps, dtype):
        if step < first:
            continue
        for group in optimizer.param_groups:
            group["lr"] = float(0.01 * (1.2 + np.sin(step / 9)))
        for p, g in zip(parameters, given, strict=True):
            p.grad = g
        optimizer.step()


def close(ours, theirs, rtol=1e-10):
    np.testing.assert_allclose(ours.detach().double().numpy(), theirs.detach().double().numpy(), rtol=rtol, atol=1e-300)


def assert_same(ours, mine, theirs, native, rtol=1e-10):
    for a, b in zip(ours, theirs, strict=True):
        close(a, b, rtol)
        kept = {name: value for name, value in native.state[b].items() if value is not None}
        assert set(mine.state[a]) == set(kept)
        for name, value in kept.items():
            close(mine.state[a][name], value, rtol)


@every_case
def test_a_thousand_steps_are_torch_s_own_in_float64(name, options):
    ours, theirs = begin(), begin()
    mine, native = getattr(steepest.torch, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    train(ours, mine)
    train(theirs, native)
    assert_same(ours, mine, theirs, native, rtol=1e-9 if name == "RAdam" else 1e-10)  # torch's rho cancels


@every_case
def test_float32_stays_near_float64(name, options):
    """Each of 200 steps rounds the parameter by 6e-8 of it and its own size some ten times, each by 6e-8 of at most
    0.022 (or of the gradient's 0.4 for SGD's and Adagrad's steps): below 200 * 6e-8 * (P + 10 * 0.4) for P the largest.
    """
    exact, near = begin(), begin(torch.float32)
    train(exact, getattr(steepest.torch, name)(exact, **options), steps=200)
    train(near, getattr(steepest.torch, name)(near, **options), steps=200, dtype=torch.float32)
    for a, b in zip(exact, near, strict=True):
        bound = 200 * 6e-8 * (float(a.detach().abs().max()) + 4)
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=0, atol=bound)


@every_case
def test_training_that_moves_to_torch_and_back_goes_on_as_if_it_had_stayed(name, options):
    stayed, moved = begin(), begin()
    train(stayed, getattr(torch.optim, name)(stayed, **options), steps=400)
    state, last = None, None
    for first, library in ((0, torch.optim), (150, steepest.torch), (320, torch.optim)):
        last = getattr(library, name)(moved, **options)
        if state is not None:
            last.load_state_dict(state)
        train(moved, last, steps={0: 150, 150: 320, 320: 400}[first], first=first)
        buffer = io.BytesIO()
        torch.save(last.state_dict(), buffer)
        buffer.seek(0)
        state = torch.load(buffer, weights_only=True)
    for a, b in zip(moved, stayed, strict=True):
        close(a, b, rtol=1e-9)


@every_case
def test_lists_move_as_kernels_do(name, options, monkeypatch):
    ours, theirs = begin(), begin()
    train(ours, getattr(steepest.torch, name)(ours, **options), steps=320)
    monkeypatch.setattr(_optimizer.Memory, "move", lambda self, *args: move_lists(*args))
    train(theirs, getattr(steepest.torch, name)(theirs, **options), steps=320)
    for a, b in zip(ours, theirs, strict=True):
        close(a, b, rtol=1e-9)


@pytest.mark.parametrize("native", dialects.FRAMEWORKS["torch"], ids=lambda native: native.name)
def test_signatures_are_torch_s_own(native):
    theirs = inspect.signature(getattr(torch.optim, native.name)).parameters
    ours = inspect.signature(getattr(steepest.torch, native.name)).parameters
    assert [name for name in ours if name not in ("dialect", "stochastic_rounding")] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind is parameter.kind, name


SCHEDULERS = {
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10),
    "one cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=25),
    "warm-up": lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=5),
}


@pytest.mark.parametrize("schedule", SCHEDULERS.values(), ids=SCHEDULERS)
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_schedulers_change_rates_and_momenta(name, schedule):
    results = []
    for library in LIBRARIES:
        parameters = begin()
        optimizer = getattr(library, name)(parameters, 0.05, **({"momentum": 0.9} if name == "SGD" else {}))
        scheduler = schedule(optimizer)
        for _, given in gradients(20):
            for p, g in zip(parameters, given, strict=True):
                p.grad = g
            optimizer.step()
            scheduler.step()
        results.append(parameters)
    for a, b in zip(*results, strict=True):
        close(a, b)


def test_groups_closures_and_hooks():
    heard, results = [], []
    for library in LIBRARIES:
        a, b, late = begin()
        optimizer = library.Adam([{"params": [a]}, {"params": [b], "lr": 0.1, "betas": (0.5, 0.9)}], lr=0.01)
        optimizer.register_step_pre_hook(lambda *_: heard.append("before"))
        optimizer.register_step_post_hook(lambda *_: heard.append("after"))

        def loss(a=a, b=b, optimizer=optimizer):
            optimizer.zero_grad()
            value = (a**2).sum() + (b**4).sum()
            value.backward()
            return value

        losses = [float(optimizer.step(loss).detach()) for _ in range(3)]
        optimizer.add_param_group({"params": [late], "lr": 0.5})
        late.grad = torch.ones_like(late)
        optimizer.step()
        results.append((losses, a, b, late))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    for one, two in zip(results[0][1:], results[1][1:], strict=True):
        close(one, two)
    assert heard == ["before", "after"] * 8


def test_pickles_copies_and_keeps_going():
    parameters = begin()
    optimizer = steepest.torch.NAdam(parameters)
    train(parameters, optimizer, steps=5)
    copies = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    for again in (*copies, optimizer):
        train(again.param_groups[0]["params"], again, steps=40, first=5)
    for again in copies:
        assert type(again) is steepest.torch.NAdam
        for a, b in zip(again.param_groups[0]["params"], parameters, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4, 5)])
def test_memory_in_any_order_is_served(shape):
    results = []
    for library in LIBRARIES:
        random = torch.Generator().manual_seed(0)
        whole = torch.randn(shape, generator=random)
        orders = [whole.clone(), whole.transpose(0, 1).contiguous().transpose(0, 1)]
        if whole.ndim == 4:
            orders.append(whole.contiguous(memory_format=torch.channels_last))
        gapped = torch.zeros((*shape[:-1], 2 * shape[-1]))[..., ::2]
        orders.append(gapped.copy_(whole))
        parameters = [torch.nn.Parameter(one) for one in orders]
        optimizer = library.Adam(parameters, lr=0.1)
        for _ in range(3):
            g = torch.randn(shape, generator=random)
            kinds = [g, g.transpose(0, 1).contiguous().transpose(0, 1), g[:1].expand(shape)]
            for p, kind in zip(parameters, kinds + kinds, strict=False):
                p.grad = kind
            optimizer.step()
        results.append(parameters)
    for a, b in zip(*results, strict=True):
        close(a, b)


def test_parameters_without_entries_or_axes():
    empty, point = torch.nn.Parameter(torch.zeros(0, 3)), torch.nn.Parameter(torch.tensor(2.0))
    optimizer = steepest.torch.Adam([empty, point], lr=0.5)
    empty.grad, point.grad = torch.zeros(0, 3), torch.tensor(1.0)
    optimizer.step()
    assert float(point.detach()) == pytest.approx(1.5)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize(("name", "options"), [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adagrad", {})])
def test_sparse_gradients_are_served_where_torch_serves_them(name, options):
    results = []
    for library in LIBRARIES:
        table = torch.nn.Embedding(10, 3, sparse=True)
        with torch.no_grad():
            table.weight.fill_(1.0)
        optimizer = getattr(library, name)(table.parameters(), lr=0.1, **options)
        for rows in ([1, 2, 2], [2, 5]):
            optimizer.zero_grad()
            table(torch.tensor(rows)).sum().backward()
            optimizer.step()
        results.append(table.weight)
    close(*results)


def test_autograd_hears_of_the_change():
    p = torch.nn.Parameter(torch.ones(3))
    loss = (p**2).sum()
    p.grad = torch.ones(3)
    steepest.torch.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_state_that_somebody_replaces_is_noticed():
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = steepest.torch.SGD([p], lr=0.1, momentum=0.9)
    for _ in range(2):
        p.grad = torch.ones(3)
        optimizer.step()
    optimizer.state[p]["momentum_buffer"] = torch.full((3,), 5.0)
    before = p.detach().clone()
    optimizer.step()
    close(p, before - 0.1 * (0.9 * 5 + 1))
    optimizer.state[p]["momentum_buffer"] = torch.zeros(2)
    with pytest.raises(RuntimeError, match="momentum_buffer has 2 entries where its parameter has 3"):
        optimizer.step()
    optimizer.state.clear()
    before = p.detach().clone()
    optimizer.step()
    close(p, before - 0.1)


def test_bfloat16_arrives_where_torch_freezes_or_rounds_away():
    """A rate of 1e-4 on parameters of 1 is 40 times below bfloat16's spacing: only rounding at random gets on."""
    torch.set_default_dtype(torch.float32)
    ends = {}
    for name, make in {
        "torch": torch.optim.Adam,
        "nearest": steepest.torch.Adam,
        "at random": lambda ps, lr: steepest.torch.Adam(ps, lr, stochastic_rounding=True),
    }.items():
        torch.manual_seed(0)
        p = torch.nn.Parameter(torch.ones(4096, dtype=torch.bfloat16))
        optimizer = make([p], 1e-4)
        for _ in range(500):
            p.grad = torch.ones_like(p)
            optimizer.step()
        ends[name] = float(p.detach().float().mean())
    assert ends["torch"] == ends["nearest"] == 1.0
    # 500 steps of 1e-4; each entry is a sum of 500 draws between neighbours 2^-8 apart, the mean of 4096 such.
    assert ends["at random"] == pytest.approx(0.95, abs=5 * np.sqrt(500 * 1e-4 * 2**-8 / 4096))


def test_state_of_narrow_parameters_is_float32_and_stays_so_when_loaded():
    p = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    optimizer = steepest.torch.Adam([p])
    p.grad = torch.full_like(p, 1e-3)
    optimizer.step()
    saved = copy.deepcopy(optimizer.state_dict())
    again = steepest.torch.Adam([p])
    again.load_state_dict(saved)
    for name in ("exp_avg", "exp_avg_sq"):
        assert again.state[p][name].dtype is torch.float32
        assert torch.equal(again.state[p][name], optimizer.state[p][name])


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adagrad", "Adamax", "NAdam"])
def test_no_gradient_in_float16_is_no_step_where_torch_gives_nan(name):
    ends = []
    for library in LIBRARIES:
        p = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
        p.grad = torch.zeros_like(p)
        getattr(library, name)([p]).step()
        ends.append(float(p.detach()[0]))
    assert ends[0] == 1.0
    assert np.isnan(ends[1])


@pytest.mark.parametrize("spoken", ["textbook", "keras", "optax"])
@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adamax", "NAdam", "SGD"])
def test_another_dialect_is_its_method(name, spoken):
    momentum = {"momentum": 0.9} if name == "SGD" else {}
    p = torch.nn.Parameter(torch.ones(4))
    optimizer = getattr(steepest.torch, name)([p], lr=0.05, dialect=spoken, **momentum)
    native = dialects.like(dialects.find("torch", name), spoken)
    options = native.defaults | {"lr": 0.05} | momentum
    method, numbers = native.method(options), native.numbers(options)
    expected, state = np.ones(4), method.initial_state(np.ones(4))
    for t, (_, given) in enumerate(gradients(20), start=1):
        g = given[1][:4] + 0.1
        p.grad = g.clone()
        optimizer.step()
        step, state = method(expected, g.numpy(), state, t, numbers)
        expected = expected + step
    np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match=f"dialect '{spoken}' where this {name} speaks 'torch'"):
        getattr(steepest.torch, name)([p], lr=0.05, **momentum).load_state_dict(optimizer.state_dict())


def test_muon_moves_matrices_and_only_them():
    ends = []
    for library in LIBRARIES:
        p = torch.nn.Parameter(begin()[0].detach().float())
        optimizer = library.Muon([p], lr=0.05)
        for _, given in gradients(10):
            p.grad = given[0].float()
            optimizer.step()
        ends.append(p.detach().numpy())
    # torch iterates in bfloat16, whose spacing of 2^-8 the five steps carry on: some 5 % of a step of 0.05.
    np.testing.assert_allclose(ends[0], ends[1], atol=10 * 0.05 * 0.05)
    with pytest.raises(ValueError, match=r"Muon moves matrices; received the shape \(5,\)"):
        steepest.torch.Muon([torch.nn.Parameter(torch.ones(5))])


COMPLEX = torch.ones(2, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"lr": -0.1}, ValueError, r"lr must be zero or positive, and finite; received -0\.1"),
        ({"lr": float("nan")}, ValueError, "lr must be"),
        ({"betas": (0.9, 1.0)}, ValueError, r"betas\[1\] must be in \[0, 1\); received 1\.0"),
        ({"betas": 0.9}, ValueError, "betas must be two numbers"),
        ({"eps": -1.0}, ValueError, "eps must be"),
        ({"differentiable": True}, ValueError, "differentiable=True is refused"),
        ({"foreach": True, "fused": True}, ValueError, "exclude each other"),
        ({"dialect": "kears"}, ValueError, "keras"),
        ({"beta": 0.9}, TypeError, "beta"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(options, error, sentence):
    with pytest.raises(error, match=sentence):
        steepest.torch.Adam([torch.nn.Parameter(torch.ones(2))], **options)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_what_no_rule_can_move_is_refused():
    with pytest.raises(TypeError, match=r"parameter 0 of torch\.complex64\. Give its real and imaginary parts"):
        steepest.torch.Adam([torch.nn.Parameter(COMPLEX)])
    table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = steepest.torch.Adam(table.parameters())
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="Adam takes no sparse gradients here"):
        optimizer.step()
    with pytest.raises(ValueError, match="nesterov needs a momentum above 0"):
        steepest.torch.SGD([torch.nn.Parameter(torch.ones(2))], nesterov=True)


def test_state_of_another_rule_or_shape_is_refused_by_name():
    p, q = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(4))
    p.grad, q.grad = torch.ones(3), torch.ones(4)
    saved = {}
    for name, parameter in (("Adam", p), ("RMSprop", p), ("Adam of four", q)):
        optimizer = getattr(torch.optim, name.split(" ", maxsplit=1)[0])([parameter])
        optimizer.step()
        saved[name] = optimizer.state_dict()
    mine = steepest.torch.Adam([p])
    with pytest.raises(ValueError, match="not the state of Adam: parameter 0 needs exp_avg, exp_avg_sq; received sq"):
        mine.load_state_dict(saved["RMSprop"])
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has the shape \(4,\) where the parameter has \(3,\)"):
        mine.load_state_dict(saved["Adam of four"])
    mine.load_state_dict(saved["Adam"])


def test_a_step_runs_on_torch_s_own_threads_and_in_a_forked_child_on_others():
    """In a child torch's threads are missing; a step given to them would never end."""
    team = torch_team()
    if team is None:
        pytest.skip("torch's threads are not OpenMP's here")
    parameter = torch.nn.Parameter(torch.ones(300_000))
    parameter.grad = torch.ones(300_000)
    optimizer = steepest.torch.Adam([parameter], lr=0.5)
    optimizer.step()
    assert torch.all((parameter - 0.5).abs() < 1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forking with threads about
        child = os.fork()
    if child == 0:
        right = False
        try:
            optimizer.step()
            right = torch_team() is None and bool(np.all(np.abs(parameter.detach().numpy()) < 1e-5))
        finally:
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_grad_scaler_scales_skips_and_goes_on_as_with_torch_s_own():
    ends = []
    for library in (torch.optim, steepest.torch):
        parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
        optimizer = library.Adam([parameter], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
        for factor in (1.0, float("inf"), 1.0, 2.0):  # a gradient that is not finite is skipped, and halves the scale
            optimizer.zero_grad()
            scaler.scale((factor * parameter**2).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        ends.append((parameter.detach().clone(), scaler.get_scale(), float(optimizer.state[parameter]["step"])))
    torch.testing.assert_close(ends[1][0], ends[0][0])
    assert ends[1][1:] == ends[0][1:] == (64.0, 3.0)
