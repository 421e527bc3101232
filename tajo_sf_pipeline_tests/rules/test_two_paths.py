"""Both paths at once against Brevo's limits: ten minutes of a clock that costs no time (S13)."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import httpx
import pytest
import uvicorn

from tajo_sf_pipeline.audience.window import Lane
from tajo_sf_pipeline.brevo import budget
from tajo_sf_pipeline.engine.run import SyncRun
from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sandbox.brevo import gate
from tajo_sf_pipeline.sandbox.brevo.accounts import Accounts
from tajo_sf_pipeline.sandbox.brevo.app import create_app
from tajo_sf_pipeline.sandbox.brevo.imports.queue import ImportQueue
from tajo_sf_pipeline.sandbox.brevo.settings import Settings
from tajo_sf_pipeline.sandbox.brevo.store import Store
from tajo_sf_pipeline.sandbox.ports import listen
from tajo_sf_pipeline_tests.simulated_clock import Clock
from tajo_sf_pipeline_tests.workspaces import BrevoAccount, Workspace

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
AUDIENCES = ("scores", "orders")
TEN_MINUTES, TICK = 600.0, 120.0
CHANGED, OF_A_DATE = 10, 60  # rows of a tick, and of a date of the backfill
CALLS = 2  # a second: a fifth of the general plan, so that five times as much fits into the test


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Have the account's budget, and Brevo's own limits, go by a clock of the test."""
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    monkeypatch.setattr(gate, "time", clock)
    return clock


@pytest.fixture
def account(tmp_path: Path) -> Iterator[BrevoAccount]:
    """Run a local Brevo in this process, where the clock is."""
    store, listener = Store(tmp_path / "brevo"), listen(0)
    imports, accounts = ImportQueue(store), Accounts(store)
    accounts.create("two-paths", Settings(rate_limits=False))
    app = create_app(store, accounts, imports)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield BrevoAccount(f"http://127.0.0.1:{listener.getsockname()[1]}", "two-paths")
    finally:
        server.should_exit = True
        thread.join()
        imports.close()
        store.close()


@pytest.fixture
def shop(sandbox: Sandbox, account: BrevoAccount, tmp_path: Path) -> Workspace:
    """Make two audiences that change with each tick, and one whose every date is to be sent."""
    shop = Workspace.new(tmp_path, sandbox, account)
    shop.write(snowflake={"transport": "sql_api"}, brevo={"plan": "general", "share": CALLS / 10})
    for name in AUDIENCES:
        table = changed(shop, name, 0)
        shop.audience(name, f"SELECT email, n FROM {table}", {"email": "email", "n": name.upper()})
    rows = [[f"past.{n}@example.com"] for n in range(OF_A_DATE)]
    query = f"SELECT email, :partition_key AS day FROM {shop.table('past', 'email', rows)}"
    shop.audience("past", query, {"email": "email", "day": "PAST_DAY"})
    account.attributes(SCORES="float", ORDERS="float", PAST_DAY="text")
    account.change(rate_limits=True, limits={"contacts": [[CALLS, 1]]})
    return shop


def changed(shop: Workspace, name: str, value: int) -> str:
    """Change every row of an audience's table."""
    return shop.table(name, "email,n", [[f"{name}.{n}@example.com", value] for n in range(CHANGED)])


def bring(shop: Workspace, name: str, ago: int, path: Lane) -> int:
    """Bring a date across, and give how many rows Brevo has accepted."""
    settings = shop.settings()
    day, run = settings.today() - timedelta(days=ago), f"{name}.{path}.{ago}.{time.time_ns()}"
    partition = SyncRun(settings, shop.load(name), day, path, run_id=run)
    partition.extract()
    partition.map()
    return partition.sync().confirmed


def delays(shop: Workspace, clock: Clock, *, backfill: bool) -> dict[str, list[float]]:
    """Let ten minutes pass; give how long each tick's rows took to be accepted."""
    start = clock.time()
    found: dict[str, list[float]] = {name: [] for name in AUDIENCES}

    def incremental(name: str) -> None:
        for number in range(int(TEN_MINUTES / TICK)):
            due = start + number * TICK
            clock.sleep(due - clock.time())
            changed(shop, name, time.time_ns() % 1_000_000)
            assert CHANGED == bring(shop, name, 0, "incremental")
            found[name].append(clock.time() - due)

    def past() -> None:
        ago = 90
        while clock.time() < start + TEN_MINUTES:
            assert OF_A_DATE == bring(shop, "past", ago, "backfill")
            ago -= 1

    works = [lambda name=name: incremental(name) for name in AUDIENCES]
    clock.together(*works, *([past] if backfill else []))
    return found


def test_s13_two_audiences_keep_their_pace_beside_a_backfill(
    shop: Workspace, account: BrevoAccount, clock: Clock
) -> None:
    """Their delay stays under twice what it is alone, and the backfill has what they leave."""
    clock.together(lambda: [bring(shop, name, 0, "incremental") for name in AUDIENCES] and None)
    alone = delays(shop, clock, backfill=False)
    began = clock.time()
    beside = delays(shop, clock, backfill=True)
    for name in AUDIENCES:
        assert median(beside[name]) < 2 * median(alone[name]), (name, alone, beside)
    log = httpx.get(f"{account.url}/admin/accounts/{account.key}/requests").json()["requests"]
    answered = [request["status"] for request in log if request["at"] >= began]
    assert answered.count(429) <= 0.01 * len(answered)
    assert len(answered) >= 0.9 * CALLS * TEN_MINUTES
