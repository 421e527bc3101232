"""What clients did here: open sessions and recent statements, for tests and for people."""

import itertools
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

STATEMENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Session:
    id: int
    user: str
    query_tag: str


@dataclass(frozen=True, slots=True)
class Statement:
    sql: str
    query_tag: str
    query_id: str | None
    bound: bool
    session_id: int | None
    started_at: str
    rows: int | None
    error: str | None
    # Of the SQL API, where no session has them.
    request_id: str | None = None
    role: str | None = None
    warehouse: str | None = None


@dataclass(slots=True)
class Activity:
    sessions: dict[str, Session] = field(default_factory=dict)
    statements: deque[Statement] = field(default_factory=lambda: deque(maxlen=STATEMENTS_KEPT))
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def open_session(self, token: str, *, user: str, query_tag: str) -> Session:
        session = Session(next(self._ids), user, query_tag)
        self.sessions[token] = session
        return session

    def close_session(self, token: str) -> None:
        self.sessions.pop(token, None)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
