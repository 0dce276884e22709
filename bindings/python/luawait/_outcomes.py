"""How an eval ended, as the library tells it and as Python has it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .errors import ConversionError, EvalError, eval_error


class Ended(NamedTuple):
    """The end of an eval. `outcome` is JSON."""

    eval_id: int
    succeeded: bool
    outcome: str | bytes


def read_outcome(ended: Ended) -> tuple[Any, EvalError | None]:
    """The script's value, or the exception that says why there is none."""
    try:
        value = json.loads(ended.outcome)
    except (ValueError, RecursionError) as error:
        return None, ConversionError(f"the script's value cannot be read: {error}")
    return (value, None) if ended.succeeded else (None, eval_error(value))
