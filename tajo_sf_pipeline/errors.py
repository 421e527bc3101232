"""Every error that a person sees: what happened, to what, and what to do next.

TajoError                                                              again?
 ├── ConfigurationError     fix the files or the environment      exit 2
 ├── MappingError           fix the mapping, the SQL or Brevo     exit 2
 ├── AuthenticationError    fix the credentials                   exit 3
 ├── PermissionDeniedError  ask for the right that is missing     exit 3
 ├── RefusedError           the vendor understood and said no     exit 1
 ├── GuardError             look at what would happen, then decide   exit 4
 ├── VendorOutageError      try again later                       exit 5   yes
 │    ├── RateLimitError    others use up the account's limits             yes
 │    └── UncertainError    find out what was carried out, then decide     yes
 ├── IncompleteError        try again; nothing was planned        exit 5   yes
 ├── BusyError              wait for the other run or process     exit 5   yes
 ├── LocalStorageError      mend rights or mount on this machine  exit 6
 │    └── DiskFullError     free some space                                yes
 └── InternalError          a defect of ours                      exit 70

The class says who should act, and in the last column whether the same run may go well a little
later without anybody acting (`retriable`). The codes stand in ``docs/runbook.md``, one row each.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self


class InterruptedRunError(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended a run; what it had confirmed is in the ledger."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class TajoError(Exception):
    """The root: `code` finds the runbook's row, `next_step` says what the operator does."""

    kind: ClassVar[str]
    exit_code: ClassVar[int]
    # Whether the same thing may go well a little later without anybody acting.
    retriable: ClassVar[bool] = False

    def __init__(self, code: str, happened: str, next_step: str) -> None:
        super().__init__(f"{code} {happened}\n{next_step}")
        self.code = code
        self.happened = happened
        self.next_step = next_step

    def add(self, progress: str) -> None:
        """Say more of what happened."""
        self.happened += f"; {progress}"
        self.args = (f"{self.code} {self.happened}\n{self.next_step}",)

    def as_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "kind": self.kind,
            "message": self.happened,
            "next_step": self.next_step,
        }

    @classmethod
    def from_json(cls, reported: Mapping[str, str]) -> "TajoError":
        """Return the error that `as_json` reported, of the widest class of its kind.

        A kind that this version does not know is a defect's: it wants a person who looks.
        """
        kind = _widest(cls, reported["kind"]) or InternalError
        return kind.reported(reported["code"], reported["message"], reported["next_step"])

    @classmethod
    def reported(cls, code: str, happened: str, next_step: str) -> Self:
        """Return an error of this class of which no more is known than its report."""
        return cls(code, happened, next_step)


class ConfigurationError(TajoError):
    """The workspace, the command or a file that a person keeps is not as it must be."""

    kind = "configuration"
    exit_code = 2


class MappingError(TajoError):
    """The columns, the mapping and Brevo's attributes do not fit each other."""

    kind = "mapping"
    exit_code = 2


class AuthenticationError(TajoError):
    """A vendor does not accept the credentials."""

    kind = "authentication"
    exit_code = 3


class PermissionDeniedError(TajoError):
    """The credentials are good, and may not do this."""

    kind = "permission"
    exit_code = 3


class RefusedError(TajoError):
    """A vendor refused what was sent; sending it again would be refused again."""

    kind = "validation"
    exit_code = 1

    def __init__(
        self,
        code: str,
        happened: str,
        next_step: str,
        *,
        reason: str,
        status: int = 0,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        """`status` and `answer` are the vendor's own, where it gave any."""
        super().__init__(code, happened, next_step)
        self.reason = reason
        self.status = status
        self.answer = answer or {}

    @classmethod
    def reported(cls, code: str, happened: str, next_step: str) -> Self:
        return cls(code, happened, next_step, reason=happened)


class GuardError(TajoError):
    """A check stopped the run before anything was written."""

    kind = "guard"
    exit_code = 4


class VendorOutageError(TajoError):
    """A vendor did not answer, or not usefully, for as long as we were told to try."""

    kind = "vendor_outage"
    exit_code = 5
    retriable = True


class RateLimitError(VendorOutageError):
    """A vendor's rate limit held us back for longer than any of its windows."""

    kind = "rate_limit"


class UncertainError(VendorOutageError):
    """The answer to a write that must not be sent twice was lost: it may have been carried out.

    Of several things sent together, `uncertain` are the indexes of those, `unsent` of those that
    never went out, `refused` gives the reasons of those that the vendor refused; the others are
    accepted.
    """

    def __init__(
        self,
        code: str,
        happened: str,
        next_step: str,
        *,
        uncertain: Collection[int] = (0,),
        unsent: Collection[int] = (),
        refused: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(code, happened, next_step)
        self.uncertain = frozenset(uncertain)
        self.unsent = frozenset(unsent)
        self.refused = dict(refused or {})


class IncompleteError(TajoError):
    """Fewer rows arrived than the warehouse declared (S11)."""

    kind = "incomplete"
    exit_code = 5
    retriable = True


class BusyError(TajoError):
    """Another run or process has what this one needs, and did not let go of it in time."""

    kind = "busy"
    exit_code = 5
    retriable = True


class LocalStorageError(TajoError):
    """This machine does not take what must be kept: rights, a read-only file system, a disk."""

    kind = "storage"
    exit_code = 6


class DiskFullError(LocalStorageError):
    """The disk, or what this user may fill of it, is full: others may free some of it."""

    retriable = True


class InternalError(TajoError):
    """Something that must hold does not: a defect of this product."""

    kind = "internal"
    exit_code = 70


def _widest(root: type[TajoError], kind: str) -> type[TajoError] | None:
    """Find the first class of a kind, from the root on."""
    waiting = [root]
    while waiting:
        error_class = waiting.pop(0)
        if getattr(error_class, "kind", None) == kind:
            return error_class
        waiting += error_class.__subclasses__()
    return None
