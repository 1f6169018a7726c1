"""The entry point: every mistake of a user's ends as one sentence and exit code 2."""

import signal
import sys
from collections.abc import Callable

import typer

from ..errors import InputError
from ._commands import app

_USAGE = 2
_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit: 0 done, 2 for a mistake in what was given, 130 interrupted."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    # Asked to end, by a scheduler say, it ends as on Ctrl-C: what has run is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        code = _mistake(str(error))
    except MemoryError:
        code = _mistake("There is not enough memory for this. Give a smaller table, network or batch.")
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        code = 0
    except (KeyboardInterrupt, typer.Abort):
        print("Interrupted; nothing was written.", file=sys.stderr)
        code = _INTERRUPTED
    except Exception as error:
        # Typer's own complaints (an unknown option, a word where a number belongs) share no public class.
        message: Callable[[], str] | None = getattr(error, "format_message", None)
        if message is None:
            raise
        code = _mistake(message())
    sys.exit(code if isinstance(code, int) else 0)


def _mistake(sentence: str) -> int:
    print(f"steepest: {' '.join(sentence.split())}", file=sys.stderr)
    return _USAGE
