"""Options of which one may be given, or one must be; the errors are pydantic's to report."""

from collections.abc import Iterable
from typing import Any

from pydantic import model_validator


def at_most_one(model: object, *names: str) -> None:
    """Raise `ValueError` where more than one of the options has a value."""
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) > 1:
        raise ValueError(not_both(given))


def exactly_one(*names: str) -> Any:
    """Return a model's validator: one of the options, and no other, has a value."""

    def check(model: Any) -> Any:
        if sum(getattr(model, name) is not None for name in names) != 1:
            raise ValueError(f"give {_either(names)}, one of them")
        return model

    return model_validator(mode="after")(check)


def not_both(names: Iterable[str]) -> str:
    """Return what to say of options that exclude each other."""
    return f"give {_either(names)}, not both"


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)
