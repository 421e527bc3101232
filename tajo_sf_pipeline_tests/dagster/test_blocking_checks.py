"""What stands between `mapped` and a write, where a run has left the checks out."""

from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from tajo_sf_pipeline.audience.check_rules import ON_MAPPED
from tajo_sf_pipeline.checks.verdict import Verdict
from tajo_sf_pipeline.defs import checks, run_failure
from tajo_sf_pipeline.defs.checks import COVERED, stop_unless_judged
from tajo_sf_pipeline.defs.metadata import of_mapping
from tajo_sf_pipeline.defs.run_failure import why_failed
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.errors import GuardError, MappingError, RefusedError, TajoError

BLOCKING = [rule.name for rule in ON_MAPPED if rule.blocking and rule.name != COVERED]
WRONG = Verdict(passed=False, problems=("two rows are one contact",))
CONTEXT = SimpleNamespace(instance=None, run=SimpleNamespace(run_id="a-run"))
PARTITION = SimpleNamespace(audience=SimpleNamespace(name="people", checks={}))


def _evaluation(check: str, asset: str = "mapped", **more: Any) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["people", asset]),
        check_name=check,
        passed=False,
        blocking=True,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=more,
        description="it is wrong",
    )


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> list[dg.AssetCheckEvaluation]:
    """Give the evaluations that a run has left, to which a test adds its own."""
    found: list[dg.AssetCheckEvaluation] = []
    monkeypatch.setattr(checks, "evaluations", lambda *_: iter(found))
    monkeypatch.setattr(run_failure, "evaluations", lambda *_: iter(found))
    monkeypatch.setattr(run_failure, "_step_failures", lambda *_: iter(()))
    return found


def _stop(monkeypatch: pytest.MonkeyPatch, verdict: Verdict) -> list[str]:
    """Let `sync` run alone where each check would say this; name the checks that were made."""
    made: list[str] = []

    def judged(_: SyncRun, names: list[str]) -> list[tuple[str, Verdict]]:
        made.extend(names)
        return [(name, verdict) for name in names]

    monkeypatch.setattr(checks, "verdicts", judged)
    stop_unless_judged(cast(dg.AssetExecutionContext, CONTEXT), cast(SyncRun, PARTITION))
    return made


def test_s16_a_sync_that_runs_alone_is_judged_before_its_first_write(
    history: list[dg.AssetCheckEvaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a blocking check would stop is stopped, though the page has left the checks out."""
    with pytest.raises(GuardError) as caught:
        _stop(monkeypatch, WRONG)
    assert ("TAJO-801", True) == (caught.value.code, WRONG.problems[0] in caught.value.happened)


def test_a_sync_judges_only_what_its_run_has_left_out(
    history: list[dg.AssetCheckEvaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that the run has made already is not made again."""
    history += [_evaluation(name) for name in BLOCKING[1:]]
    assert BLOCKING[:1] == _stop(monkeypatch, Verdict(passed=True))


def test_a_guard_that_a_person_let_pass_does_not_stop(
    history: list[dg.AssetCheckEvaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It warns, and the sync goes on."""
    mild = Verdict(passed=False, problems=WRONG.problems, mild=True)
    assert BLOCKING == _stop(monkeypatch, mild)


ATTRIBUTES = {"code": "TAJO-611", "message": "no such attribute", "next_step": "Create it."}


@pytest.mark.parametrize(
    ("evaluation", "kind", "code"),
    [
        (_evaluation("attributes_fit", kind="mapping", **ATTRIBUTES), MappingError, "TAJO-611"),
        (
            _evaluation("volume_in_band", kind="guard", **{**ATTRIBUTES, "code": "TAJO-812"}),
            GuardError,
            "TAJO-812",
        ),
        (_evaluation("keys_unique"), GuardError, "TAJO-801"),
        (_evaluation("refusals_under_guard", "sync"), RefusedError, "TAJO-831"),
    ],
    ids=["mapping", "guard", "a check", "after the delivery"],
)
def test_s17_a_run_that_a_check_stopped_ends_with_that_checks_error(
    history: list[dg.AssetCheckEvaluation],
    evaluation: dg.AssetCheckEvaluation,
    kind: type[TajoError],
    code: str,
) -> None:
    """Its code, and the exit code of its kind, are those of what the check found."""
    history.append(evaluation)
    error = why_failed(cast(dg.DagsterInstance, None), "a-run")
    assert (kind, code) == (type(error), error.code)


def test_a_name_with_a_bar_stays_in_its_cell() -> None:
    """A table on the page has two columns, whatever a column of the source is called."""
    audience = SimpleNamespace(
        fields={"a|b": SimpleNamespace(to="FIRSTNAME")},
        destination=SimpleNamespace(as_text=lambda: "contacts"),
    )
    found = of_mapping(cast(Any, audience))["field_mapping"].value
    assert "| `a\\|b` | FIRSTNAME |" == found.splitlines()[-1]
