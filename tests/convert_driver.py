"""Move training between torch and Keras on its torch backend, both ways; prints how far each is from one that stayed.

A process has one backend, chosen before Keras is imported.
"""

import json
import os
import warnings

os.environ["KERAS_BACKEND"] = "torch"
warnings.simplefilter("ignore")

import keras  # noqa: E402 - the backend is chosen first
import numpy as np  # noqa: E402
import torch  # noqa: E402

from steepest import convert  # noqa: E402

torch.set_default_dtype(torch.float64)
keras.config.set_dtype_policy("float64")
X, Y = (torch.tensor(np.random.default_rng(0).normal(size=(8, width))) for width in (4, 2))
CASES = [
    ("SGD", {"momentum": 0.75, "nesterov": True}),
    ("RMSprop", {"eps": 0.25, "momentum": 0.75, "centered": True}),
    ("Adam", {"eps": 0.0, "amsgrad": True}),
    ("Adam", {"eps": 0.25, "weight_decay": 0.5}),
    ("NAdam", {"eps": 0.25, "momentum_decay": 1.0}),
    ("Adamax", {"eps": 0.25}),
]


def in_torch(make, seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    return model, make(model.parameters())


def in_keras(make):
    layers = [keras.Input((4,), dtype="float64"), keras.layers.Dense(3, "relu"), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    model.compile(make())
    return model


def train_torch(model, optimizer, steps=5):
    for _ in range(steps):
        optimizer.zero_grad()
        (model(X) - Y).square().mean().backward()
        optimizer.step()


def train_keras(model, steps=5):
    for _ in range(steps):
        model.zero_grad()
        variables = model.trainable_variables
        kernel, bias, last_kernel, last_bias = (variable.value for variable in variables)
        outputs = torch.relu(X @ kernel + bias) @ last_kernel + last_bias  # Keras multiplies matrices in float32 here
        (outputs - Y).square().mean().backward()
        gradients = [variable.value.grad for variable in variables]
        with torch.no_grad():
            model.optimizer.apply(gradients, variables)


def far(one, other):
    pairs = zip(one.parameters.values(), other.parameters.values(), strict=True)
    return max(float(np.abs(a.value - b.value).max()) for a, b in pairs)


def moved(name, options):
    """Five steps in torch, five in Keras, five in torch again; how far from fifteen in torch, and by what in Keras."""

    def make(parameters):
        return getattr(torch.optim, name)(parameters, lr=0.03125, **options)

    model, optimizer = in_torch(make, seed=0)
    train_torch(model, optimizer)
    checkpoint = convert.from_torch(model, optimizer)
    found = convert.counterpart(checkpoint, "keras")
    there = in_keras(found.make)
    convert.to_keras(checkpoint, there)
    train_keras(there)
    train_torch(model, optimizer)
    first = far(convert.from_keras(there), convert.from_torch(model, optimizer))
    again, its = in_torch(make, seed=1)
    convert.to_torch(convert.from_keras(there), again, its)
    train_torch(again, its)
    train_torch(model, optimizer)
    second = far(convert.from_torch(again, its), convert.from_torch(model, optimizer))
    return {"by": str(found), "there": first, "back": second}


print(json.dumps([moved(name, options) for name, options in CASES]))
