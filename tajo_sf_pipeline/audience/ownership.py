"""S12: every attribute, list, event and type of object has one audience that writes it."""

from collections.abc import Iterable

from tajo_sf_pipeline.audience.model import Audience
from tajo_sf_pipeline.errors import ConfigurationError


def with_one_owner_each(audiences: Iterable[Audience]) -> tuple[list[Audience], list[str]]:
    """Refuse two audiences that write one attribute or list; say which left one to another.

    Audiences that say ``shared: true`` may share; one that ships yields to the user's own.
    """
    settled, notes = [], []
    audiences = list(audiences)
    written = {audience.name: audience.attributes for audience in audiences}
    for audience in audiences:
        others = [other for other in audiences if other is not audience]
        mine = written[audience.name]
        for other, name in [(o, n) for o in others for n in written[o.name] if n in mine]:
            if audience.shared and other.shared:
                continue
            if audience.shipped and not other.shipped:
                audience = _without(audience, name)  # noqa: PLW2901 - the loop settles it
                notes.append(f"{audience.name} leaves {name} to {other.name}, which maps it")
            elif audience.shipped == other.shipped:
                raise _two_owners(f"the Brevo attribute {name}", audience, other)
        settled.append(audience)
        for other in others:
            what = audience.destination.same_target(other.destination)
            if what and not (audience.shared and other.shared):
                raise _two_owners(what, audience, other)
    return settled, notes


def _without(audience: Audience, attribute: str) -> Audience:
    left = {source: field for source, field in audience.fields.items() if field.to != attribute}
    return audience.model_copy(update={"fields": left})


def _two_owners(what: str, one: Audience, other: Audience) -> ConfigurationError:
    first, second = sorted((one, other), key=lambda audience: audience.name)
    return ConfigurationError(
        "TAJO-115",
        f"two audiences write {what}: {first.name} ({first.statement.origin}) and "
        f"{second.name} ({second.statement.origin})",
        "Take it out of one of them, or say `shared: true` in both.",
    )
