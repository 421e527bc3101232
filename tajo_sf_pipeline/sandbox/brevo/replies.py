"""What a handler answers, and how it refuses."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """Without a body, the answer has none at all: Brevo's 204 is empty, not ``""``."""

    status: int
    body: Any = None


class ApiError(Exception):
    """A refusal in the form that Brevo documents: code, message and, for duplicates, metadata."""

    def __init__(
        self, status: int, code: str, message: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            {"code": code, "message": message} | ({"metadata": metadata} if metadata else {}),
        )


def invalid(message: str) -> ApiError:
    return ApiError(400, "invalid_parameter", message)


def missing(name: str) -> ApiError:
    return ApiError(400, "missing_parameter", f"{name} is missing")


def out_of_range(message: str) -> ApiError:
    return ApiError(400, "out_of_range", message)


def not_found(message: str) -> ApiError:
    return ApiError(404, "document_not_found", message)
