"""The asset checks, each both ways: what fails is told with its examples, and nothing is sent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dagster as dg
import httpx
import pytest

from tajo_sf_pipeline import defs
from tajo_sf_pipeline.errors import GuardError, RefusedError, TajoError
from tajo_sf_pipeline_tests.shops import CHECKS, COLUMNS, PEOPLE, Shop, values
from tajo_sf_pipeline_tests.workspaces import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Iterator[Shop]:
    """Give a shop over the REST transport, which takes no seconds to import."""
    workspace.write(snowflake={"transport": "sql_api"})
    workspace.brevo.attributes(POINTS="float")
    with dg.DagsterInstance.ephemeral() as instance:
        shop = Shop(workspace, instance, audience=workspace.prefix)
        shop.table()
        shop.configure()
        yield shop


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a shop, the check that sees it, and what it says."""

    check: str
    make: Callable[[Shop], object]
    told: str
    code: str = "TAJO-801"
    counts: dict[str, Any] = field(default_factory=dict)


def category(shop: Shop, name: str, *labels: str) -> None:
    """Make a category attribute, as a marketer does in Brevo's settings."""
    options = [{"value": number, "label": label} for number, label in enumerate(labels, 1)]
    httpx.post(
        f"{shop.workspace.brevo.url}/v3/contacts/attributes/category/{name}",
        json={"enumeration": options},
        headers={"api-key": shop.workspace.brevo.key},
    ).raise_for_status()


def maps(**fields: Any) -> Callable[[Shop], None]:
    """Map the e-mail address and these columns."""
    return lambda shop: shop.configure({"email": "email", **fields})


def one_choice_is_missing(shop: Shop) -> None:
    category(shop, "FIRST", "Ada", "BEN")
    shop.configure({"email": "email", "first_name": "FIRST"})


def addresses_in_a_note(shop: Shop) -> None:
    shop.workspace.brevo.attributes(NOTE="text")
    shop.table(COLUMNS, [(email, name, points, email) for email, name, points, _ in PEOPLE])
    shop.configure({"email": "email", "phone": "NOTE"})


WRONG = [
    Wrong(
        "columns_covered",
        maps(firstname="FIRSTNAME"),
        "`firstname` (did you mean `first_name`?)",
        code="TAJO-601",
    ),
    Wrong(
        "rejects_under_guard",
        lambda shop: shop.configure(guards={"max_rejected": "20%"}),
        "2 of 5 rows are rejected",
        code="TAJO-803",
        counts={"extracted": 5, "rejected": 2, "rejected_share": 0.4},
    ),
    Wrong(
        "attributes_fit",
        maps(points="NO_SUCH"),
        "column POINTS -> attribute NO_SUCH: Brevo has no such attribute",
        code="TAJO-611",
        counts={"attributes": 1, "wrong": 1},
    ),
    Wrong(
        "attributes_fit",
        maps(first_name="POINTS"),
        "the values are text, Brevo's type is float",
        code="TAJO-612",
        counts={"attributes": 1, "wrong": 1},
    ),
    Wrong(
        "choices_known",
        one_choice_is_missing,
        "FIRST has no option 'Cy', which 1 rows want",
        counts={"attributes": 1, "unknown": 1},
    ),
    Wrong(
        "personal_data_marked",
        addresses_in_a_note,
        "3 values of NOTE look like e-mail addresses",
        counts={"rows": 3, "text_attributes": 1, "unmarked": 1},
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.check} {wrong.code}")
def test_what_is_wrong_is_told_before_anything_is_sent(shop: Shop, wrong: Wrong) -> None:
    """The check fails with counts and reason, the run ends with the code, Brevo hears nothing."""
    wrong.make(shop)
    writes = shop.workspace.brevo.writes()
    with pytest.raises(TajoError) as stopped:
        shop.run()
    assert (wrong.code, True) == (stopped.value.code, wrong.told in stopped.value.happened)
    [row] = shop.history(wrong.check)
    assert ("FAILED", shop.today.isoformat()) == (row.status.value, row.partition)
    evaluation = shop.latest(wrong.check)
    assert dg.AssetCheckSeverity.ERROR == evaluation.severity
    found = values(evaluation)
    assert wrong.told in found["problems"]
    assert wrong.counts.items() <= found.items()
    assert [] == [email for email, *_ in PEOPLE if email in str(evaluation)]
    others = [check for check, step in CHECKS.items() if step == "mapped" and check != wrong.check]
    assert [] == [c for c in others for r in shop.history(c) if r.status.value == "FAILED"]
    assert (writes, {}) == (shop.workspace.brevo.writes(), shop.workspace.brevo.contacts())
    assert [] == shop.materializations("sync")


@pytest.mark.parametrize(
    "right",
    [
        lambda shop: shop.configure(guards={"max_rejected": "40%", "volume": "10%"}),
        lambda shop: (category(shop, "FIRST", "Ada", "ben", "CY"), maps(first_name="FIRST")(shop)),
        lambda shop: (
            addresses_in_a_note(shop),
            maps(phone={"to": "NOTE", "personal": True})(shop),
        ),
        lambda shop: shop.configure({"email": "email", "points": "SCORE"}, create_attributes=True),
    ],
    ids=["within the guards", "all choices known", "marked as personal", "made by the sync"],
)
def test_what_is_right_arrives(shop: Shop, right: Callable[[Shop], object]) -> None:
    """Every check on the partition passes, with one row of history each."""
    right(shop)
    shop.run()
    told = {check: [row.status.value for row in shop.history(check)] for check in CHECKS}
    assert {check: ["SUCCEEDED"] for check in CHECKS} == told
    assert {"ada@example.com", "ben@example.com", "cy@example.com"} == (
        shop.workspace.brevo.contacts().keys()
    )


@pytest.mark.long
def test_a_retyped_column_stops_until_a_person_accepts_it(shop: Shop) -> None:
    """The types of the last sync count, not of the last try; a warning for one run accepts."""
    shop.run()
    sent = shop.workspace.brevo.writes()
    shop.workspace.brevo.attributes(LABEL="text")
    made = shop.workspace.brevo.writes()
    renamed = {
        "email": "email",
        "first_name": "FIRSTNAME",
        "points": {"to": "LABEL", "type": "text"},
    }
    shop.table(COLUMNS, [(email, name, f"{points} points", x) for email, name, points, x in PEOPLE])
    shop.configure(renamed)
    for _ in range(2):
        with pytest.raises(GuardError, match=r"`points` was decimal128.* and is string"):
            shop.run()
        assert made == shop.workspace.brevo.writes()
    assert {"retyped": 1, "gone": 0}.items() <= values(shop.latest("schema_stable")).items()
    shop.configure(renamed, checks={"schema_stable": {"severity": "warn"}})
    shop.run()
    assert len(sent) < len(shop.workspace.brevo.writes())
    assert dg.AssetCheckSeverity.WARN == shop.latest("schema_stable").severity
    shop.configure(renamed)
    shop.run()
    assert shop.latest("schema_stable").passed


def test_an_unusual_volume_stops_until_a_person_accepts_it(shop: Shop) -> None:
    """Against the mean of the ledger's last runs; who accepts the guard once lets it pass."""
    shop.run(shop.today - timedelta(days=1))
    shop.table(COLUMNS, [PEOPLE[0]])
    shop.configure(guards={"volume": "50%"})
    with pytest.raises(GuardError, match=r"TAJO-805 .*1 rows were extracted"):
        shop.run()
    found = shop.latest("volume_in_band")
    assert {"extracted": 1, "runs_compared": 1, "mean": 5.0, "change": -0.8}.items() <= (
        values(found).items()
    )
    assert dg.AssetCheckSeverity.ERROR == found.severity
    shop.run(accept=("volume",))
    assert (False, dg.AssetCheckSeverity.WARN) == (
        shop.latest("volume_in_band").passed,
        shop.latest("volume_in_band").severity,
    )


def test_brevo_is_not_asked_where_nothing_would_be_written(shop: Shop) -> None:
    """S03: the second run of a date asks for no attributes, although one has gone meanwhile."""
    shop.run()
    httpx.delete(
        f"{shop.workspace.brevo.url}/v3/contacts/attributes/normal/POINTS",
        headers={"api-key": shop.workspace.brevo.key},
    ).raise_for_status()
    shop.run()
    assert {"attributes": 0} == values(shop.latest("attributes_fit"))


def test_refusals_over_the_guard_are_an_error(shop: Shop) -> None:
    """After the delivery: the others are confirmed, and the partition shows what is wrong."""
    shop.configure(guards={"max_rejected": "50%"})
    refusal = {"status": 400, "method": "POST", "path": "/v3/contacts", "times": 100}
    shop.workspace.brevo.change(faults=[refusal])
    shop.run()
    found = shop.latest("refusals_under_guard")
    assert (False, dg.AssetCheckSeverity.ERROR) == (found.passed, found.severity)
    assert {"planned": 3, "failed": 3, "refused_share": 1.0}.items() <= values(found).items()
    examples = found.metadata["examples"]
    assert isinstance(examples, dg.TableMetadataValue)
    keys = [record.data["key"] for record in examples.records]
    assert ["a***@example.com", "b***@example.com", "c***@example.com"] == keys
    assert shop.latest("conservation").passed


def test_a_check_after_the_delivery_can_fail_the_run(shop: Shop) -> None:
    """Where the audience says so; the error does not claim that nothing was written."""
    shop.configure(checks={"everything_confirmed": {"severity": "error", "blocking": True}})
    refusal = {"status": 400, "method": "POST", "path": "/v3/contacts"}
    shop.workspace.brevo.change(faults=[refusal])
    with pytest.raises(RefusedError, match=r"TAJO-831 .*failed after the delivery") as failed:
        shop.run()
    assert (1, 2) == (failed.value.exit_code, len(shop.workspace.brevo.contacts()))


def test_s16_a_sync_by_itself_is_held_to_the_same_checks(shop: Shop) -> None:
    """As from the page, or executed again from its failure: its run has no checks of `mapped`."""
    one_choice_is_missing(shop)
    with pytest.raises(GuardError):
        shop.run()
    project = defs.build(shop.workspace.settings()).resolve_implicit_global_asset_job_def()
    with pytest.raises(dg.Failure, match=r"TAJO-801 .*choices_known"):
        project.execute_in_process(
            instance=shop.instance,
            partition_key=str(shop.today),
            asset_selection=[dg.AssetKey([shop.audience, "sync"])],
        )
    assert {} == shop.workspace.brevo.contacts()


def test_a_check_that_does_not_block_tells_and_lets_pass(shop: Shop) -> None:
    """`blocking: false` is still an error on the page, and the rows arrive."""
    one_choice_is_missing(shop)
    shop.configure(
        {"email": "email", "first_name": "FIRST"}, checks={"choices_known": {"blocking": False}}
    )
    shop.run()
    found = shop.latest("choices_known")
    assert (False, dg.AssetCheckSeverity.ERROR) == (found.passed, found.severity)
    assert 3 == len(shop.workspace.brevo.contacts())


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        (
            {"volume_in_bnd": {}},
            "there is no check `volume_in_bnd`; did you mean `volume_in_band`?",
        ),
        ({"attributes_fit": {"severity": "warn"}}, "`attributes_fit` holds of every run"),
        ({"schema_stable": {"severity": "loud"}}, "'warn' or 'error'"),
        ({"schema_stable": {"severity": "warn", "blocking": True}}, "`warn` cannot block"),
    ],
    ids=["no such check", "one that holds always", "no such severity", "a warning that blocks"],
)
def test_a_wrong_setting_of_a_check_is_told_when_it_is_read(
    workspace: Workspace, checks: dict[str, Any], told: str
) -> None:
    """In the morning, by file and line, not in the night."""
    workspace.audience("people", "SELECT email FROM people", {"email": "email"}, checks=checks)
    ran = workspace.tajo("config", "validate")
    assert (2, True) == (ran.code, told in ran.err), ran.err


def test_every_check_says_what_to_do(shop: Shop) -> None:
    """On its page in Dagster, beside the verdict."""
    settings = shop.workspace.settings()
    graph = defs.build(settings).resolve_asset_graph()
    specs = {key.name: graph.get_check_spec(key) for key in graph.asset_check_keys}
    assert CHECKS.keys() <= specs.keys()
    assert [] == [name for name in CHECKS if len(specs[name].description or "") < 60]
    assert all(specs[name].partitions_def for name in CHECKS)
