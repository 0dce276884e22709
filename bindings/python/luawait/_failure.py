"""What a host function has raised, kept until its eval has ended."""

from __future__ import annotations

from .errors import EvalError, HostError


class Failure:
    """What a host function raised and how it was reported to the script: named as the cause should it come back."""

    __slots__ = ("error", "function", "host_type", "message")

    def __init__(self, function: str, message: str, host_type: str, error: BaseException) -> None:
        self.function = function
        self.message = message
        self.host_type = host_type
        self.error = error

    def name_as_cause(self, error: EvalError) -> None:
        """Makes the exception the cause of a script's error, if the script ended with this one and not another."""
        reported = (error.function, error.message, error.host_type)
        if isinstance(error, HostError) and reported == (self.function, self.message, self.host_type):
            error.__cause__ = self.error
