"""Defects in the Brevo client: its calls, limits, lists, imports and events."""

from tajo_sf_pipeline_tests.defects.defect import Defect

_TESTS = "tajo_sf_pipeline_tests"
_ANSWERS = f"{_TESTS}/unit/test_brevo_answers.py"
_BUDGET = f"{_TESTS}/unit/test_budget_holds.py"
_FAULTS = f"{_TESTS}/faults/test_brevo_faults.py"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        what="an event whose answer was a 502 is sent twice",
        file="tajo_sf_pipeline/brevo/client.py",
        before=(
            "        return error.response.status_code == _TOO_EARLY\n"
            "    return _is_outage(error) and"
        ),
        after=("        return _is_outage(error)\n    return _is_outage(error) and"),
        found_by=(f"{_FAULTS}::test_an_event_whose_answer_is_lost_is_not_sent_again",),
    ),
    Defect(
        what="a proxy's page with status 200 counts as Brevo's acceptance",
        file="tajo_sf_pipeline/brevo/client.py",
        before=("    except ValueError:\n        raise unreadable(answer) from None"),
        after=("    except ValueError:\n        return None"),
        found_by=(f"{_ANSWERS}::test_s02_a_page_accepts_no_contact",),
    ),
    Defect(
        what="an empty 200 to a read counts as an account without anything",
        file="tajo_sf_pipeline/brevo/client.py",
        before=(
            "        if not isinstance(document, dict):\n"
            "            raise unreadable(answer)\n"
            "        return document\n"
        ),
        after="        return document or {}\n",
        found_by=(f"{_ANSWERS}::test_s02_a_success_of_another_kind_is_no_answer",),
    ),
    Defect(
        what="the first row that a report names counts as accepted: the BOM hides it",
        file="tajo_sf_pipeline/brevo/client.py",
        before='content.decode("utf-8-sig")',
        after='content.decode("utf-8")',
        found_by=(f"{_ANSWERS}::test_s02_a_report_names_a_row_whatever_stands_around_it",),
    ),
    Defect(
        what="a 429 is an error that a person sees",
        file="tajo_sf_pipeline/brevo/client.py",
        before="_LIMIT_PATIENCE = 70 * 60.0",
        after="_LIMIT_PATIENCE = 0.0",
        found_by=(f"{_FAULTS}::test_s13_a_429_is_slept_out",),
    ),
    Defect(
        what="after a 429 the spacing of calls is as tight as before",
        file="tajo_sf_pipeline/brevo/budget.py",
        before="                caution=now + _CAUTION,\n",
        after="",
        found_by=(f"{_BUDGET}::test_s13_calls_in_flight_are_held_further_apart_after_a_429",),
    ),
    Defect(
        what=(
            "each call keeps its place for more than a second: a part of the limit is never used"
        ),
        file="tajo_sf_pipeline/brevo/budget.py",
        before=(
            "            if now < slot.item.timestamp + slot.travel:\n"
            "                self._calls.move(slot.name, slot.item.name, now - slot.travel)\n"
        ),
        after="",
        found_by=(f"{_BUDGET}::test_s13_a_call_counts_from_its_answer",),
    ),
    Defect(
        what="pauses without headers grow for ever, though calls between them were answered",
        file="tajo_sf_pipeline/brevo/budget.py",
        before=("        self._refusals[name] = 0\n        # A reset"),
        after="        # A reset",
        found_by=(f"{_BUDGET}::test_s13_an_answer_starts_the_growing_pauses_anew",),
    ),
    Defect(
        what="Brevo's retry-after is ignored",
        file="tajo_sf_pipeline/brevo/budget.py",
        before="            after = reset if reset is not None else retry\n",
        after="            after = reset\n",
        found_by=(f"{_BUDGET}::test_s13_a_429_without_a_reset_is_slept_out_for_its_retry_after",),
    ),
    Defect(
        what="an answer that comes after a 429 lifts the pause that it asked for",
        file="tajo_sf_pipeline/brevo/shared_calls.py",
        before='"everybody = max(everybody, excluded.everybody), "',
        after='"everybody = excluded.everybody, "',
        found_by=(f"{_BUDGET}::test_s13_an_answer_that_comes_after_a_429_does_not_lift_its_pause",),
    ),
    Defect(
        what="an import that was aborted is waited for until the deadline",
        file="tajo_sf_pipeline/brevo/imports.py",
        before='frozenset({"failed", "cancelled", "error", "aborted"})',
        after='frozenset({"failed", "cancelled"})',
        found_by=(f"{_ANSWERS}::test_an_import_that_ended_badly_is_not_waited_for",),
    ),
    Defect(
        what="an import behind a hundred processes of others is never seen to end",
        file="tajo_sf_pipeline/brevo/imports.py",
        before="_PAGES = 4",
        after="_PAGES = 2",
        found_by=(f"{_ANSWERS}::test_an_import_is_found_behind_a_hundred_and_fifty_others",),
    ),
    Defect(
        what="a row that a report names with a blank counts as accepted",
        file="tajo_sf_pipeline/brevo/imports.py",
        before="named.update({cell.strip().lower(): reason",
        after="named.update({cell.lower(): reason",
        found_by=(f"{_ANSWERS}::test_s02_a_report_names_a_row_whatever_stands_around_it",),
    ),
    Defect(
        what="an import changes no contact that exists",
        file="tajo_sf_pipeline/brevo/imports.py",
        before='"updateExistingContacts": True',
        after='"updateExistingContacts": False',
        found_by=(f"{_ANSWERS}::test_s15_an_import_says_how_it_is_meant",),
    ),
    Defect(
        what="Brevo writes an e-mail for every import",
        file="tajo_sf_pipeline/brevo/imports.py",
        before='"disableNotification": True',
        after='"disableNotification": False',
        found_by=(f"{_ANSWERS}::test_s15_an_import_says_how_it_is_meant",),
    ),
    Defect(
        what="an import's body is larger than Brevo takes",
        file="tajo_sf_pipeline/brevo/limits.py",
        before="IMPORT_BYTES = 8_000_000",
        after="IMPORT_BYTES = 12_000_000",
        found_by=(f"{_ANSWERS}::test_a_body_stays_below_what_brevo_calls_safe",),
    ),
    Defect(
        what="of two lists of one name the newer is written to",
        file="tajo_sf_pipeline/brevo/lists.py",
        before='min(item["id"], ids.get',
        after='max(item["id"], ids.get',
        found_by=(f"{_ANSWERS}::test_s15_of_several_lists_of_one_name_the_oldest_is_written_to",),
    ),
    Defect(
        what="of every listing only the first page is read: lists, members, contacts of an account",
        file="tajo_sf_pipeline/brevo/client.py",
        before="            if len(page) < size:\n",
        after="            if page:\n",
        found_by=(
            f"{_ANSWERS}::test_s15_a_list_behind_fifty_others_is_found",
            f"{_ANSWERS}::test_s08_every_member_of_a_list_is_read",
            f"{_ANSWERS}::test_s02_a_read_back_looks_through_every_page",
        ),
    ),
    Defect(
        what="a list id that Brevo does not have is found by the first write",
        file="tajo_sf_pipeline/brevo/lists.py",
        before="        return _existing(client, destination.list_id)",
        after="        return destination.list_id",
        found_by=(
            f"{_ANSWERS}::test_s16_a_list_id_that_brevo_does_not_have_is_told_before_a_write",
        ),
    ),
    Defect(
        what="a mapped landline number is refused as an attribute that Brevo lacks",
        file="tajo_sf_pipeline/brevo/attributes.py",
        before='"LANDLINE_NUMBER", "EXT_ID"})',
        after='"EXT_ID"})',
        found_by=(f"{_ANSWERS}::test_what_every_contact_has_is_not_missed",),
    ),
    Defect(
        what="an option that a multiple choice lacks is found by nobody",
        file="tajo_sf_pipeline/brevo/attributes.py",
        before='_CHOICES = frozenset({"category", "multiple-choice"})',
        after='_CHOICES = frozenset({"category"})',
        found_by=(f"{_ANSWERS}::test_s16_an_option_that_brevo_lacks_is_found_before_a_write",),
    ),
    Defect(
        what="attributes are created though another one conflicts",
        file="tajo_sf_pipeline/brevo/attributes.py",
        before='    raise_for([each for each in problems.values() if each.kind == "conflict"])\n',
        after="",
        found_by=(f"{_ANSWERS}::test_s16_nothing_is_created_beside_a_conflict",),
    ),
    Defect(
        what="a read-back does not see that the SMS blocklist was not set",
        file="tajo_sf_pipeline/brevo/verify.py",
        before=(
            '_FLAGS = {"_email_blacklisted": "emailBlacklisted", '
            '"_sms_blacklisted": "smsBlacklisted"}'
        ),
        after='_FLAGS = {"_email_blacklisted": "emailBlacklisted"}',
        found_by=(f"{_ANSWERS}::test_s09_a_read_back_sees_a_flag_that_was_not_set",),
    ),
    Defect(
        what="members with an ext_id among their attributes count as not on the list",
        file="tajo_sf_pipeline/brevo/identifiers.py",
        before='contact.get("ext_id") or attributes.get("EXT_ID") or ""',
        after='contact.get("ext_id") or ""',
        found_by=(f"{_ANSWERS}::test_a_contacts_key_as_brevo_shows_it",),
    ),
    Defect(
        what="a token is used to its last second, and is refused on its way",
        file="tajo_sf_pipeline/brevo/credentials.py",
        before="                spare = min(_SPARE_SECONDS, seconds / 2)\n",
        after="                spare = 0.0\n",
        found_by=(f"{_ANSWERS}::test_a_token_is_replaced_a_minute_before_its_end",),
    ),
    Defect(
        what="a change of address under `key: ext_id` never arrives",
        file="tajo_sf_pipeline/brevo/contacts.py",
        before=(
            '        contact["attributes"] = {**contact.get("attributes", {}), "EMAIL": email}\n'
        ),
        after='        contact.setdefault("attributes", {})\n',
        found_by=(f"{_ANSWERS}::test_s20_a_change_of_address_under_ext_id_is_an_attribute",),
    ),
    Defect(
        what="only the first thousand records are deleted",
        file="tajo_sf_pipeline/destinations/objects.py",
        before="waiting.slice(first, limits.BATCH_RECORDS)",
        after="waiting.slice(0, limits.BATCH_RECORDS)",
        found_by=(f"{_ANSWERS}::test_records_are_deleted_by_the_thousand",),
    ),
    Defect(
        what="an address in Brevo's message stands in the error",
        file="tajo_sf_pipeline/brevo/error_translation.py",
        before="    text = _EMAIL.sub(lambda match: masked(match[0]), text)\n",
        after="",
        found_by=(f"{_FAULTS}::test_s17_every_refusal_is_told_by_its_kind",),
    ),
    Defect(
        what="a conflict is told as a refusal like any other",
        file="tajo_sf_pipeline/brevo/error_translation.py",
        before="        return tuple(str(name).lower() for name in named)\n",
        after="        return ()\n",
        found_by=(f"{_FAULTS}::test_s17_every_refusal_is_told_by_its_kind",),
    ),
    Defect(
        what="an event whose answer was lost is sent twice",
        file="tajo_sf_pipeline/brevo/events.py",
        before='client.post("/events", event, repeatable=False)',
        after='client.post("/events", event)',
        found_by=(f"{_FAULTS}::test_an_event_whose_answer_is_lost_is_not_sent_again",),
    ),
    Defect(
        what="of a refused batch those that Brevo does not name count as sent",
        file="tajo_sf_pipeline/brevo/events.py",
        before=("    if len(named) == len(events):\n        return named\n"),
        after=("    if named:\n        return named\n"),
        found_by=(f"{_ANSWERS}::test_s07_a_refused_batch_that_names_some_of_its_events_is_split",),
    ),
)
