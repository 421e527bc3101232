"""The durable steps of a run, by name: the instants at which a crash makes a difference."""

from collections.abc import Callable

STEPS = (
    "plan.written",
    "journal.written",  # the batch is on disk, its call not yet out
    "call.sent",  # Brevo has answered, what it said is not on disk
    "process.known",  # an import's number is on disk
    "answer.known",  # it is known what became of every row of the batch, in memory only
    "ledger.confirmed",
    "journal.settled",
    "run.finished",
)


def _nobody(_step: str) -> None:
    """Let it pass."""


# Who wants to know of them: a test that ends the process there.
watcher: Callable[[str], None] = _nobody


def reached(step: str) -> None:
    watcher(step)
