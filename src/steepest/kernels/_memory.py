"""How a kernel reaches memory: addresses as arrays, and numbers of 16 bits as float32 and back."""

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


@intrinsic
def _pointer(typing, address, like):
    """The address as a pointer to numbers of the type of *like*."""
    pointer = types.CPointer(like)

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.int64, like), generate


@numba.njit(inline="always")
def array_at(address, count, like):
    """The memory at an address as an array of *count* numbers of the type of *like*."""
    return numba.carray(_pointer(address, like), count)  # type: ignore[call-arg]


@intrinsic
def _fetch_line(typing, address):
    """Ask memory for the line at an address, to be kept in the first cache; never fails, whatever lies there."""

    def generate(context, builder, signature, arguments):
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        to_read, nearest, data = (ir.Constant(word, number) for number in (0, 3, 1))
        builder.call(ask, [builder.inttoptr(arguments[0], byte), to_read, nearest, data])
        return context.get_dummy_value()

    return types.none(types.int64), generate


@numba.njit(inline="always")
def fetch(address, size):
    """Ask memory for *size* bytes at an address, to be there when they are wanted; none where size is below one."""
    for line in range(0, size, 64):
        _fetch_line(address + line)  # type: ignore[call-arg]


@intrinsic
def claim(typing, address):
    """The whole number at an address, raised by one for whoever asks next; no two threads are told the same."""

    def generate(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(types.int64), generate


@intrinsic
def in_widest_vectors(typing):
    """Where registers hold 512 bits, have the function around this use them all; LLVM stops at 256 otherwise.

    Half the instructions let a core look twice as far ahead in memory: on one core, a tenth less time a step.
    """

    def generate(context, builder, signature, arguments):
        # llvmlite knows no attributes that are pairs of words, but writes down what it is given.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.none(), generate


def _bitcast(source, target):
    @intrinsic
    def cast(typing, x):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


_bits_of = _bitcast(types.float32, types.uint32)
_float_of = _bitcast(types.uint32, types.float32)


@intrinsic
def from_float16(typing, bits):
    """The float32 equal to a float16, given as uint16."""

    def generate(context, builder, signature, arguments):
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def to_float16(typing, x):
    """The float16 nearest to a float32, as uint16; ties to even."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return types.uint16(types.float32), generate


@numba.njit(inline="always")
def from_bfloat16(bits):
    """The float32 equal to a bfloat16, given as uint16: its upper half."""
    return _float_of(np.uint32(bits) << np.uint32(16))


@numba.njit(inline="always")
def to_bfloat16(x):
    """The bfloat16 nearest to a float32, as uint16; ties to even."""
    bits = _bits_of(x)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return np.uint16(rounded) if x == x else np.uint16(0x7FC0)  # noqa: PLR0124 - NaN must not round to infinity


@numba.njit(inline="always")
def _random16(key, index):
    """16 random bits that depend on nothing but the key and the index (Steele et al. 2014, SplitMix64's mixer)."""
    z = key + np.uint64(index) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint32(z >> np.uint64(48))


@numba.njit(inline="always")
def to_bfloat16_at_random(x, key, index):
    """One of the two bfloat16 around a float32, the nearer the likelier, so that the mean is the float32."""
    bits = _bits_of(x)
    rounded = (bits + _random16(key, index)) >> np.uint32(16)
    finite = (bits & np.uint32(0x7F800000)) != np.uint32(0x7F800000)
    return np.uint16(rounded) if finite else to_bfloat16(x)


@numba.njit(inline="always")
def to_float16_at_random(x, key, index):
    """One of the two float16 around a float32, the nearer the likelier.

    The 13 bits that float16 lacks are drawn; what is below 2^-14, where it lacks more, is rounded to the nearest.
    """
    bits = _bits_of(x)
    size = bits & np.uint32(0x7FFFFFFF)
    normal = (size >= np.uint32(0x38800000)) & (size < np.uint32(0x477FE000))
    drawn = (bits + (_random16(key, index) >> np.uint32(3))) & np.uint32(0xFFFFE000)
    return to_float16(_float_of(drawn) if normal else x)  # type: ignore[call-arg]
