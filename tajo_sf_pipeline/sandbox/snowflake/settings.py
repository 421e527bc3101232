"""What a test or a demonstration may change while the local Snowflake runs."""

from dataclasses import dataclass
from typing import Any

# How results spell timestamps: docs.snowflake.com/en/developer-guide/sql-api/handling-responses
# shows seconds with a fraction in its table, and says nanoseconds in its prose.
TIMESTAMP_SPELLINGS = ("seconds", "nanoseconds")


@dataclass(slots=True)
class Settings:
    partition_rows: int = 10_000
    # A statement of the SQL API takes at least so long.
    statement_seconds: float = 0.0
    # So long a request without async=true waits for its statement.
    synchronous_seconds: float = 45.0
    access_token_seconds: float = 600.0
    timestamp_spelling: str = "seconds"

    def change(self, order: Any) -> None:
        """Take {name: value, ...}, all or nothing; a ValueError says what is wrong with it."""
        if not isinstance(order, dict):
            raise TypeError("settings are an object of names and values")
        for name, value in order.items():
            if (problem := _problem(name, value)) is not None:
                raise ValueError(problem)
        for name, value in order.items():
            setattr(self, name, value)


def _problem(name: str, value: Any) -> str | None:
    match name:
        case "timestamp_spelling":
            if value not in TIMESTAMP_SPELLINGS:
                return f"{name} is one of {', '.join(TIMESTAMP_SPELLINGS)}, not {value!r}"
        case "partition_rows":
            if not isinstance(value, int) or value < 1:
                return f"{name} is a number from 1 on, not {value!r}"
        case "statement_seconds" | "synchronous_seconds" | "access_token_seconds":
            if not isinstance(value, int | float) or value < 0:
                return f"{name} is a number from 0 on, not {value!r}"
        case _:
            return f"unknown setting {name!r}, there are: {', '.join(Settings.__slots__)}"
    return None
