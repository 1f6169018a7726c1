"""One small network trained in torch, in Keras and with optax, by each framework's own gradients, in float64.

Each run is ``Run(counterpart)``: of the optimizer that it makes, natives and drop-ins alike. It has ``train(steps)``,
``checkpoint()``, ``receive(checkpoint)`` and ``outputs()``. Needs jax.enable_x64.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch

from steepest import convert

# float32 holds all of these exactly: Keras keeps a learning rate in float32, and gives a model such data.
X, Y = (np.random.default_rng(0).normal(size=(8, width)).astype(np.float32).astype(np.float64) for width in (4, 2))
RATE = 0.03125


def float64():
    """A fixture: float64 by default in each framework, for one test."""
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product in the default dtype
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")  # a Sequential casts its input to it
    with jax.enable_x64(True):
        yield
    keras.config.set_dtype_policy(policy)
    torch.set_default_dtype(torch.float32)


def start(seed):
    """Weights of a network 4-3-2, kernels as (in, out)."""
    random = np.random.default_rng(seed)
    return [random.normal(size=shape) for shape in ((4, 3), (3,), (3, 2), (2,))]


class TorchRun:
    framework, rate = "torch", "lr"

    def __init__(self, its, seed=1):
        layers = torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)
        self.model = torch.nn.Sequential(*layers).double()
        with torch.no_grad():
            for p, value in zip(self.model.parameters(), start(seed), strict=True):
                p.copy_(torch.tensor(value.T))
        self.optimizer = its.make(self.model.parameters())

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.zero_grad()
            (self.model(torch.tensor(X)) - torch.tensor(Y)).square().mean().backward()
            self.optimizer.step()

    def checkpoint(self):
        return convert.from_torch(self.model, self.optimizer)

    def receive(self, checkpoint, **how):
        convert.to_torch(checkpoint, self.model, self.optimizer, **how)

    def outputs(self):
        return self.model(torch.tensor(X)).detach().numpy()


class KerasRun:
    framework, rate = "keras", "learning_rate"

    def __init__(self, its, seed=1):
        # Keras's own tanh of float64 is float32 on JAX.
        layers = [keras.layers.Dense(width, activation) for width, activation in ((3, jnp.tanh), (2, None))]
        self.model = keras.Sequential([keras.Input((4,), dtype="float64"), *layers])
        for variable, value in zip(self.model.trainable_variables, start(seed), strict=True):
            variable.assign(value)
        self.model.compile(its.make())
        self.optimizer = self.model.optimizer
        self.optimizer.build(self.model.trainable_variables)

        def loss(trainable):
            outputs, _ = self.model.stateless_call(trainable, [], jnp.asarray(X))
            return jnp.square(outputs - Y).mean()

        self._gradient = jax.grad(loss)

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.apply(self._gradient([v.value for v in self.model.trainable_variables]))

    def checkpoint(self):
        return convert.from_keras(self.model)

    def receive(self, checkpoint, **how):
        convert.to_keras(checkpoint, self.model, **how)

    def outputs(self):
        return np.asarray(self.model.stateless_call([v.value for v in self.model.trainable_variables], [], X)[0])


def optax_outputs(params):
    hidden = jnp.tanh(X @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"])
    return hidden @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"]


@jax.jit
@jax.grad
def optax_gradient(params):
    return jnp.square(optax_outputs(params) - Y).mean()


class OptaxRun:
    framework, rate = "optax", "learning_rate"

    def __init__(self, its, seed=1):
        kernel_0, bias_0, kernel_1, bias_1 = map(jnp.asarray, start(seed))
        layers = {"kernel": kernel_0, "bias": bias_0}, {"kernel": kernel_1, "bias": bias_1}
        self.params = {f"Dense_{number}": layer for number, layer in enumerate(layers)}
        self.dialect, self.name = its.options.get("dialect", "optax"), its.rule or its.name
        self.options = {name: value for name, value in its.options.items() if name != "dialect"}
        self.transformation = its.make()
        self.state = self.transformation.init(self.params)

    def train(self, steps):
        for _ in range(steps):
            updates, self.state = self.transformation.update(optax_gradient(self.params), self.state, self.params)
            self.params = optax.apply_updates(self.params, updates)

    def checkpoint(self):
        return convert.from_optax(self.params, self.state, self.name, self.options, dialect=self.dialect)

    def receive(self, checkpoint, **how):
        self.params, self.state = convert.to_optax(
            checkpoint, self.params, self.state, self.name, self.options, dialect=self.dialect, **how
        )

    def outputs(self):
        return np.asarray(optax_outputs(self.params))


RUNS = {run.framework: run for run in (TorchRun, KerasRun, OptaxRun)}


def begun(framework, name, options=(), *, module=None, steps=0, seed=1):
    """A run of a framework's own optimizer (or of *module*'s) after some steps at the usual rate."""
    run = RUNS[framework]
    native = {"torch": "torch.optim", "keras": "keras.optimizers", "optax": "optax"}[framework]
    one = run(convert.Counterpart(module or native, name, {run.rate: RATE, **dict(options)}), seed)
    one.train(steps)
    return one


def counterpart_run(checkpoint, framework):
    """A run in a framework that has not begun, with other weights, and the optimizer that goes on exactly."""
    found = convert.counterpart(checkpoint, framework)
    return RUNS[framework](found, seed=2), str(found)


def values(run):
    """All weights as one row, kernels as (in, out)."""
    return np.concatenate([parameter.value.ravel() for parameter in run.checkpoint().parameters.values()])
