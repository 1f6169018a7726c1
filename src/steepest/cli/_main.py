"""The entry point: every mistake of a user's ends as one sentence and exit code 2."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from ..errors import InputError
from ._commands import app
from ._interrupts import interrupts

_USAGE = 2
_INTERRUPTED = 130
_NO_MEMORY = "There is not enough memory for this. Give a smaller table, network or batch."


def main() -> None:
    """Run the command line and exit: 0 done, 2 for a mistake in what was given, 130 interrupted."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    with interrupts(once=False):
        code = _run()
    sys.exit(code if isinstance(code, int) else 0)


def _run() -> object:
    code: object
    try:
        code = app(prog_name="steepest", standalone_mode=False)
        if code == _INTERRUPTED:  # Typer returns this in place of the KeyboardInterrupt
            raise KeyboardInterrupt
    except InputError as error:
        code = _mistake(str(error))
    except MemoryError:
        code = _mistake(_NO_MEMORY)
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        code = 0
    except (KeyboardInterrupt, typer.Abort):
        print("Interrupted; nothing was written.", file=sys.stderr)
        code = _INTERRUPTED
    except OSError as error:  # nobody below knows more about it, as when the output itself cannot be written
        code = _mistake(f"The system refuses: {error}. Make room, or give another place.")
    except Exception as error:
        message = _complaint(error)
        if message is None:
            raise
        code = _mistake(message)
    return code


def _complaint(error: Exception) -> str | None:
    """What to say about an error from a library; None where it is a bug of ours.

    Typer's own complaints (an unknown option, a word where a number belongs) share no public class.
    """
    if "Out of memory" in str(error):  # JAX, under several names
        return _NO_MEMORY
    said: Callable[[], str] | None = getattr(error, "format_message", None)
    if said is None:
        return None
    errors: Callable[[], list[Any]] = getattr(error.__cause__, "errors", list)
    problems = errors()
    received = f"; received '{problems[0]['input']}'" if problems else ""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "steepest"
    return f"{said().rstrip('.')}{received}. See '{command} --help'."


def _mistake(sentence: str) -> int:
    print(f"steepest: {' '.join(sentence.split())}", file=sys.stderr)
    return _USAGE
