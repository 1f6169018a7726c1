"""The torch drop-ins under scripts that do what torch allows and few do: casts in place, views, a tensor twice."""

import gc
import weakref

import pytest
import torch

import steepest.torch


def begin(dtype=torch.float32, sizes=(1000, 7)):
    parameters = [torch.linspace(-1, 1, size, dtype=dtype).requires_grad_() for size in sizes]
    for p in parameters:
        p.grad = torch.linspace(0.5, 2, len(p), dtype=dtype)
    return parameters


def assert_near(ours, theirs, atol):
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=atol)


def cast(optimizer, dtype):
    for state in optimizer.state.values():
        for value in state.values():
            if value.ndim:
                value.data = value.data.to(dtype).clone()


# Where float32 differs in its last digit the cast may round the other way: a unit of 2^-8 of a step of 0.1.
CASTS = [(torch.bfloat16, 0.1 * 2**-8), (torch.float16, 0.1 * 2**-11), (torch.float64, 1e-6)]


@pytest.mark.parametrize(("dtype", "atol"), CASTS, ids=[str(dtype) for dtype, _ in CASTS])
def test_a_state_that_is_cast_in_place_is_made_wide_again(dtype, atol):
    """As if the entry had been replaced: what the cast has rounded stays rounded."""
    ours, theirs = begin(), begin()
    mine, native = steepest.torch.Adam(ours, lr=0.1), torch.optim.Adam(theirs, lr=0.1)
    for _ in range(3):
        mine.step()
        native.step()
        cast(mine, dtype)
        cast(native, dtype)
        cast(native, torch.float32)
    mine.step()
    native.step()
    assert_near(ours, theirs, atol)
    assert {value.dtype for state in mine.state.values() for value in state.values()} == {torch.float32}


def test_a_state_that_is_cast_where_it_lies_is_noticed():
    """The address says nothing where another tensor has been given the memory of the first."""
    (p,) = begin(sizes=(1000,))
    optimizer = steepest.torch.Adam([p], lr=0.1)
    optimizer.step()
    average = optimizer.state[p]["exp_avg"]
    average.data = average.data.view(torch.int32)
    optimizer.step()
    assert optimizer.state[p]["exp_avg"].dtype is torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_parameters_that_are_cast_in_place_move_on(dtype):
    ours, expected = begin(), begin()
    mine, exact = steepest.torch.Adam(ours, lr=0.1), steepest.torch.Adam(expected, lr=0.1)
    for kind in (torch.float32, dtype, torch.float32, dtype):
        for p in ours:
            gradient, p.grad = p.grad, None
            p.data = p.data.to(kind)
            p.grad = gradient.to(kind)
        mine.step()
        exact.step()
    assert {p.dtype for p in ours} == {dtype}
    for p, q in zip(
        ours, expected, strict=True
    ):  # four steps in bfloat16 round a parameter by 2^-9 each, and gradients
        torch.testing.assert_close(p.float(), q, rtol=0, atol=4 * 2**-8 if dtype is torch.bfloat16 else 1e-6)


def test_no_gradient_is_kept_from_being_freed():
    parameters = begin()
    optimizer = steepest.torch.Adam(parameters)
    optimizer.step()
    kept = [weakref.ref(p.grad) for p in parameters]
    optimizer.zero_grad()
    gc.collect()
    assert [one() for one in kept] == [None, None]


def test_a_gradient_that_is_a_view_of_a_conjugate_is_read_as_it_stands():
    """Its imaginary part lies in memory with the other sign; of one entry it counts as contiguous."""
    p = torch.zeros(1, requires_grad=True)
    p.grad = torch.tensor([1 + 2j]).conj().imag
    assert p.grad.is_contiguous()
    steepest.torch.SGD([p], lr=1.0).step()
    assert p.tolist() == [2.0]


def test_a_parameter_that_is_a_view_of_a_conjugate_is_refused():
    p = torch.tensor([1 + 2j]).conj().imag.requires_grad_()
    with pytest.raises(ValueError, match=r"a view of a conjugate, .* as parameter 0\. Try p\.resolve_neg\(\)"):
        steepest.torch.SGD([p])


def test_a_parameter_twice_in_a_group_is_refused():
    a, b = begin()
    with (
        pytest.warns(UserWarning, match="duplicate parameters"),  # torch's own
        pytest.raises(ValueError, match="Adam moves each parameter once a step; received one twice in a group"),
    ):
        steepest.torch.Adam([a, b, a])


def test_a_gradient_is_refused_before_any_group_has_moved():
    a, b = begin()
    optimizer = steepest.torch.Adam([{"params": [a]}, {"params": [b]}])
    before, b.grad = a.detach().clone(), torch.ones(len(b)).to_sparse()
    with pytest.raises(RuntimeError, match="takes no sparse gradients"):
        optimizer.step()
    torch.testing.assert_close(a.detach(), before, rtol=0, atol=0)
    assert not optimizer.state
