"""torch.compile around the drop-ins: it stays out of the step, and is not imported for it."""

import subprocess
import sys

import pytest

BEGIN = """
import sys, torch, steepest.torch

def trained(name, prepare):
    parameters = [torch.arange(5.0, requires_grad=True), torch.ones(3, 2, requires_grad=True)]
    optimizer = getattr(steepest.torch, name)(parameters, lr=0.1)

    def train():
        optimizer.zero_grad()
        ((parameters[0] ** 2).sum() + (parameters[1] ** 4).sum()).backward()
        optimizer.step()

    train()
    train = prepare(train, optimizer)
    for _ in range(3):
        train()
    return parameters

def compiled(function):
    return torch.compile(function, backend="eager")
"""
WAYS = {
    "a training step": "return compiled(train)",
    "the step in its place": "optimizer.step = compiled(optimizer.step); return train",
}


def python(text):
    """What a process of its own prints, so that a crash is one of that process alone."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + text], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.parametrize("way", WAYS)
def test_a_compiled_step_is_the_step(way):
    run = f"""
def prepare(train, optimizer):
    {WAYS[way]}

for name in ("SGD", "NAdam"):
    for ours, plain in zip(trained(name, prepare), trained(name, lambda train, _: train)):
        torch.testing.assert_close(ours, plain, rtol=0, atol=0)
"""
    python(run)


def test_no_step_imports_the_compiler():
    run = """
p = torch.ones(3, requires_grad=True)
p.grad = torch.ones(3)
optimizer = steepest.torch.Adam([p])
optimizer.step()
optimizer.step(lambda: (p**2).sum())
print("torch._dynamo" in sys.modules)
"""
    assert python(run) == "False\n"
