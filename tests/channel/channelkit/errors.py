"""The one error that makes a part be left out instead of failing the channel."""


class Unavailable(Exception):
    """A source (Debian, PyPI) or a tool that a part needs cannot be had here; the text says which and why."""
