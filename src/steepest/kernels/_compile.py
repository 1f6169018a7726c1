"""Source to machine code: compiled once by Numba, and kept on disk so that the next process needs no compiler."""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm

from ..dialects import Method
from ._source import Layout, source
from ._trace import trace

_ENTRY = "steepest_kernel"
_DIGEST = hashlib.sha256().digest_size


class Kernel:
    """Machine code in memory: ``kernel(block)`` works on the block at an address, without Python's lock.

    address: of a C function that takes a pointer to the block and returns nothing.  compiled: by this process, not
    loaded from disk.
    """

    def __init__(self, code: bytes, *, compiled: bool):
        self.compiled = compiled
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self.address = self._engine.get_function_address(_ENTRY)
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)

    def __call__(self, block: int) -> None:
        self._call(block)


class Compiled(NamedTuple):
    """once(t, numbers..., scalars...): the uniforms, then the new scalars.  kernel: the loop (see ``source``).

    numbers, arrays, scalars: names of what they take, in order.
    """

    once: Callable[..., tuple[float, ...]]
    kernel: Kernel
    numbers: tuple[str, ...]
    arrays: tuple[str, ...]
    scalars: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def compiled(method: Method, numbers: tuple[str, ...], layout: Layout) -> Compiled:
    """The kernel of a method for these numbers and dtypes; raises TypeError for a rule that branches on values."""
    program = trace(method, numbers)
    once, text = source(program, layout)
    space: dict[str, Any] = {}
    exec(compile(once, "<steepest once>", "exec"), space)
    return Compiled(space["once"], _kernel(text), program.numbers, program.arrays, program.scalars)


def _kernel(text: str) -> Kernel:
    """The machine code of this text: from the user's cache directory, or compiled and left there."""
    path = _kept(_hash(text))
    code = _read(path) if path else None
    if code is not None:
        return Kernel(code, compiled=False)
    code = _object_code(text)
    if path is not None:
        with contextlib.suppress(OSError):
            _write(path, code)
    return Kernel(code, compiled=True)


def _read(path: Path) -> bytes | None:
    """The code that ``_write`` left; None where there is none, or it is damaged, which would end the process."""
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    return kept[_DIGEST:] if hashlib.sha256(kept[_DIGEST:]).digest() == kept[:_DIGEST] else None


def _write(path: Path, code: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(hashlib.sha256(code).digest() + code)
    os.replace(name, path)


def _hash(text: str) -> str:
    """What the machine code depends on: the text, what is inlined into it, the compiler and the processor."""
    memory = (Path(__file__).parent / "_memory.py").read_bytes()
    maker = f"{version('numba')} {version('llvmlite')} {sys.version} {platform.platform()}"
    processor = f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    return hashlib.sha256("\0".join([text, maker, processor]).encode() + memory).hexdigest()


def _object_code(text: str) -> bytes:
    import numba

    space: dict[str, Any] = {"__name__": "steepest.kernels"}
    exec(compile(text, "<steepest kernel>", "exec"), space)
    options: Any = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    loop: Any = numba.njit(**options)(space["kernel"])
    loop.compile((numba.types.int64,))
    (made,) = loop.overloads.values()
    module = llvm.parse_assembly(made.library.get_llvm_str() + _entry(made.fndesc.llvm_func_name))
    module.verify()
    return _machine().emit_object(module)


def _entry(symbol: str) -> str:
    """A plain C function around Numba's own, which returns a status that nothing here can make other than 0."""
    return f"""
define void @{_ENTRY}(ptr %block) {{
  %nothing = alloca ptr
  %exception = alloca ptr
  %address = ptrtoint ptr %block to i64
  %status = call i32 @"{symbol}"(ptr %nothing, ptr %exception, i64 %address)
  ret void
}}
"""


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


def _kept(name: str) -> Path | None:
    """Where machine code of that name is kept: in the user's cache directory; None if that cannot be."""
    home = _cache_home()
    try:
        return _private(home / "steepest" / "kernels") / f"{name}.o" if home else None
    except OSError:
        return None


def _cache_home() -> Path | None:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else None
    if sys.platform == "darwin":
        return Path("~/Library/Caches").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def _private(folder: Path) -> Path:
    """The folder, for this user alone; OSError where others could put code there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise PermissionError(f"{folder} can be written by another user")
    return folder
