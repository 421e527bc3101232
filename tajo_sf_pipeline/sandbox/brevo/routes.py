"""Which handler answers which method and path.

The path is taken apart before it is percent-decoded: an identifier may itself contain a slash.
"""

from collections.abc import Callable
from urllib.parse import unquote

from tajo_sf_pipeline.sandbox.brevo.api import (
    account,
    attributes,
    campaigns,
    contact_batch,
    contacts,
    event_batches,
    events,
    folders,
    imports,
    lists,
    memberships,
    objects,
    processes,
)
from tajo_sf_pipeline.sandbox.brevo.call import Call
from tajo_sf_pipeline.sandbox.brevo.replies import Reply, not_found

Handler = Callable[[Call], Reply]

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v3/account", account.show),
    ("GET", "/v3/events", events.list_all),
    ("POST", "/v3/events", events.create),
    ("POST", "/v3/events/batch", event_batches.create),
    ("POST", "/v3/objects/{objectType}/batch/upsert", objects.upsert),
    ("POST", "/v3/objects/{objectType}/batch/delete", objects.delete),
    ("GET", "/v3/objects/{objectType}/records", objects.list_all),
    ("GET", "/v3/objects/{objectType}/associated-records", objects.list_associated),
    ("GET", "/v3/emailCampaigns", campaigns.list_all),
    ("POST", "/v3/emailCampaigns", campaigns.create),
    ("GET", "/v3/emailCampaigns/{campaignId}", campaigns.show),
    ("PUT", "/v3/emailCampaigns/{campaignId}", campaigns.update),
    ("DELETE", "/v3/emailCampaigns/{campaignId}", campaigns.delete),
    ("POST", "/v3/emailCampaigns/{campaignId}/sendNow", campaigns.send_now),
    ("POST", "/v3/emailCampaigns/{campaignId}/sendTest", campaigns.send_test),
    ("PUT", "/v3/emailCampaigns/{campaignId}/status", campaigns.change_status),
    ("GET", "/v3/processes", processes.list_all),
    ("GET", "/v3/processes/{processId}", processes.show),
    ("GET", "/v3/contacts", contacts.list_all),
    ("POST", "/v3/contacts", contacts.create),
    ("POST", "/v3/contacts/import", imports.start),
    ("POST", "/v3/contacts/batch", contact_batch.update),
    ("GET", "/v3/contacts/segments", lists.list_segments),
    ("GET", "/v3/contacts/attributes", attributes.list_all),
    ("POST", "/v3/contacts/attributes/{category}/{name}", attributes.create),
    ("PUT", "/v3/contacts/attributes/{category}/{name}", attributes.update),
    ("DELETE", "/v3/contacts/attributes/{category}/{name}", attributes.delete),
    ("DELETE", "/v3/contacts/attributes/{type}/{name}/{option}", attributes.delete_option),
    ("GET", "/v3/contacts/lists", lists.list_lists),
    ("POST", "/v3/contacts/lists", lists.create_list),
    ("GET", "/v3/contacts/lists/{listId}", lists.show_list),
    ("PUT", "/v3/contacts/lists/{listId}", lists.update_list),
    ("DELETE", "/v3/contacts/lists/{listId}", lists.delete_list),
    ("GET", "/v3/contacts/lists/{listId}/contacts", lists.list_contacts),
    ("POST", "/v3/contacts/lists/{listId}/contacts/add", memberships.add),
    ("POST", "/v3/contacts/lists/{listId}/contacts/remove", memberships.remove),
    ("GET", "/v3/contacts/folders", folders.list_folders),
    ("POST", "/v3/contacts/folders", folders.create_folder),
    ("GET", "/v3/contacts/folders/{folderId}", folders.show_folder),
    ("PUT", "/v3/contacts/folders/{folderId}", folders.update_folder),
    ("DELETE", "/v3/contacts/folders/{folderId}", folders.delete_folder),
    ("GET", "/v3/contacts/folders/{folderId}/lists", folders.list_folder_lists),
    # Last, as it would match the literal paths above.
    ("GET", "/v3/contacts/{identifier}", contacts.show),
    ("PUT", "/v3/contacts/{identifier}", contacts.update),
    ("DELETE", "/v3/contacts/{identifier}", contacts.delete),
)
# Paths of Brevo that look like a contact's.
_NOT_IDENTIFIERS = {"batch", "consent-groups", "doubleOptinConfirmation", "export", "segments"}


def find_handler(method: str, raw_path: str) -> tuple[Handler, dict[str, str]]:
    """Find the handler and the decoded parts of the path; ApiError 404 when there is none."""
    if (found := _find(method, raw_path)) is None:
        raise not_found(f"the local Brevo does not answer {method} {raw_path} yet")
    _, handler, parameters = found
    return handler, parameters


def route_of(method: str, raw_path: str) -> str:
    """Give the path as documented, its variable parts in braces; as it is, where none is."""
    found = _find(method, raw_path)
    return found[0] if found else raw_path


def _find(method: str, raw_path: str) -> tuple[str, Handler, dict[str, str]] | None:
    segments = raw_path.split("/")
    for route_method, pattern, handler in _ROUTES:
        if method == route_method:
            parameters = _match(pattern.split("/"), segments)
            if parameters is not None:
                return pattern, handler, parameters
    return None


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    parameters = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            parameters[expected.strip("{}")] = unquote(segment)
        elif expected != segment:
            return None
    return None if parameters.get("identifier") in _NOT_IDENTIFIERS else parameters
