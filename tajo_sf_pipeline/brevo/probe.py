"""Harmless calls that prove a workspace's Brevo side, one finding at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tajo_sf_pipeline.audience.field_mapping import FLAGS, IDENTIFIERS
from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.brevo import attributes
from tajo_sf_pipeline.brevo.budget import limits_of
from tajo_sf_pipeline.brevo.client import Client
from tajo_sf_pipeline.config.settings import Brevo
from tajo_sf_pipeline.errors import MappingError, PermissionDeniedError, RefusedError, TajoError
from tajo_sf_pipeline.telemetry.finding import Finding

# What each kind of destination calls. A write that names nothing can change nothing: who may not
# write is refused for that, anybody else for the body. Of the scopes Brevo says that `write` does
# not imply `read` (developers.brevo.com/docs/oauth-scopes).
_READS = {"contacts": ("/contacts/lists", "/processes"), "objects": ("/processes",)}
_WRITES = {
    "contacts": ("/contacts", "/contacts/import", "/contacts/lists"),
    "events": ("/events",),
    "objects": ("/objects/{object}/batch/upsert",),
}
_EMPTY = {"objects": b'{"records":[]}'}


def findings(brevo: Brevo, audiences: Iterable[Audience], budget: Path | None) -> Iterator[Finding]:
    """Sign in, name account, plan and limits, and look at what each audience needs.

    A sign-in that fails is the only finding: the others would say the same. One call draws on the
    small bucket for the account, and one for each scope outside of the contacts.
    """
    with Client(brevo, budget=budget) as client:
        try:
            account = attributes.of_account(client)
        except TajoError as error:
            yield Finding("sign-in", error=error)
            return
        yield Finding("sign-in", f"at {brevo.base_url}, by {_method(brevo)}")
        yield _account(client)
        yield _plan(client, brevo)
        audiences = list(audiences)
        yield from _scopes(client, audiences)
        for audience in audiences:
            if audience.destination.kind == "contacts" or audience.attributes:
                yield _attributes(audience, account)
            if audience.destination.list_id is not None:
                yield _list(client, audience, audience.destination.list_id)


def _method(brevo: Brevo) -> str:
    return "OAuth client credentials" if brevo.oauth else "API key"


def _account(client: Client) -> Finding:
    """Return the account's name and plans; that they may not be read stops no audience."""
    try:
        account = client.get("/account")
    except PermissionDeniedError:
        return Finding("account", "may not be read with these credentials (account:read)")
    except TajoError as error:
        return Finding("account", error=error)
    plans = ", ".join(filter(None, map(_plan_text, account.get("plan") or []))) or "no plan told"
    tier = ", enterprise" if account.get("enterprise") else ""
    return Finding("account", f"{account.get('companyName') or 'without a name'}: {plans}{tier}")


def _plan_text(plan: dict[str, Any]) -> str:
    left = f", {plan['credits']:g} credits" if isinstance(plan.get("credits"), int | float) else ""
    return f"{plan.get('type') or ''}{left}"


def _plan(client: Client, brevo: Brevo) -> Finding:
    """Return the limits that are kept, and the plan that Brevo's answers show where it differs."""
    limits = limits_of(brevo.plan)
    kept = ", ".join(f"{name} {limit:,}/{unit}" for name, (limit, unit) in limits.items())
    shared = f", of which {brevo.share:.0%} are ours" if brevo.share < 1 else ""
    reported = client.reported_limits.get("others")
    for plan in ("general", "advanced", "extended"):
        if reported == limits_of(plan)["others"][0] and plan != brevo.plan:
            shared += f"; the account's own limits are those of `plan: {plan}`"
    return Finding("plan", f"{brevo.plan}: {kept}{shared}")


def _scopes(client: Client, audiences: list[Audience]) -> Iterator[Finding]:
    for kind in dict.fromkeys(audience.destination.kind for audience in audiences):
        for path in _READS.get(kind, ()):
            yield _allowed(f"scope read {path}", client, path, None)
        for path in _WRITES[kind]:
            for name in dict.fromkeys(one.destination.object for one in audiences):
                if ("{object}" in path) == (name is not None):
                    filled = path.format(object=name)
                    yield _allowed(f"scope write {filled}", client, filled, _EMPTY.get(kind, b"{}"))
    if any(audience.destination.campaign for audience in audiences):
        yield _allowed("scope read /emailCampaigns", client, "/emailCampaigns", None)
        yield _allowed("scope write /emailCampaigns", client, "/emailCampaigns", b"{}")


def _allowed(what: str, client: Client, path: str, body: bytes | None) -> Finding:
    try:
        if body is None:
            client.get(path, limit=1)
        else:
            client.post(path, body, repeatable=False)
    except RefusedError as error:
        if body is None or error.code == "TAJO-414":
            return Finding(what, error=error)
    except TajoError as error:
        return Finding(what, error=error)
    return Finding(what, "granted")


def _attributes(audience: Audience, account: dict[str, Any]) -> Finding:
    what = f"attributes of {audience.name}"
    written = {name.upper() for name in audience.attributes if name not in FLAGS} - IDENTIFIERS
    missing = sorted(written - account.keys())
    if not missing:
        return Finding(what, f"all {len(written)} are there")
    if audience.create_attributes:
        return Finding(what, f"a sync creates {', '.join(missing)}")
    return Finding(
        what,
        error=MappingError(
            "TAJO-611",
            f"Brevo has no attribute {', '.join(missing)}",
            "Create them under Contacts > Settings in Brevo, or set create_attributes: true.",
        ),
    )


def _list(client: Client, audience: Audience, list_id: int) -> Finding:
    what = f"list of {audience.name}"
    try:
        name = client.get(f"/contacts/lists/{list_id}").get("name")
    except TajoError as error:
        return Finding(what, error=error)
    return Finding(what, f"{list_id} is {name}")
