"""The command line: parses, calls one verb, prints."""

from ._main import main as main
