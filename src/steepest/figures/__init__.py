"""The figures of a lecture on gradient-based learning, each computed by the library itself and drawn by one command."""
