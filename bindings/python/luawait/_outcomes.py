"""How an eval ended, as the library reports it and as Python has it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .errors import ConversionError, EvalError, eval_error


class Outcome(NamedTuple):
    """The end of an eval. `json` is its value or its error."""

    eval_id: int
    succeeded: bool
    json: str | bytes


def read_outcome(outcome: Outcome) -> tuple[Any, EvalError | None]:
    """The script's value, or the exception that says why there is none."""
    try:
        value = json.loads(outcome.json)
    except (ValueError, RecursionError) as error:
        return None, ConversionError(f"the script's value cannot be read: {error}")
    return (value, None) if outcome.succeeded else (None, eval_error(value))
