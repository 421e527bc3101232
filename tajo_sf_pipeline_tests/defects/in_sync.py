"""Defects in a sync: its ledger, its plan, its ways to Brevo, and what it remembers."""

from tajo_sf_pipeline_tests.defects.defect import Defect

_TESTS = "tajo_sf_pipeline_tests"
_ANSWERS = f"{_TESTS}/unit/test_answers.py"
_DEAD = f"{_TESTS}/server/test_dead_letters.py"
_DELIVERY = f"{_TESTS}/server/test_delivery.py"
_FAULTS = f"{_TESTS}/faults/test_sync_faults.py"
_HELD = f"{_TESTS}/server/test_held_events.py"
_JOURNAL = f"{_TESTS}/unit/test_journal.py"
_LETTERS = f"{_TESTS}/unit/test_given_up_letters.py"
_MODES = f"{_TESTS}/rules/test_modes.py"
_CONSENT = f"{_TESTS}/rules/test_consent.py"
_PROMISES = f"{_TESTS}/server/test_sync_promises.py"
_RETENTION = f"{_TESTS}/unit/test_retention.py"
_RULES = f"{_TESTS}/rules/test_rules.py"
_SUMMARY = f"{_TESTS}/unit/test_summary.py"
_VERBS = f"{_TESTS}/unit/test_ledger_verbs.py"
_DIFF = f"{_VERBS}::test_a_diff_plans_and_writes_nothing"
_READS = f"{_VERBS}::test_a_verb_that_reads_writes_nothing"
_WRITES = f"{_VERBS}::test_s02_a_verb_writes_what_it_says_and_nothing_else"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        what="a row that Brevo accepted stays in the list of failures for ever",
        file="tajo_sf_pipeline/state/ledger.py",
        before='if value(database, "SELECT count(*) FROM failed"):',
        after='if not value(database, "SELECT 1"):',
        found_by=(f"{_WRITES}[confirm a retry of a row that failed]",),
    ),
    Defect(
        what=("a row that is refused again stands twice among the failures, and is sent twice"),
        file="tajo_sf_pipeline/state/ledger.py",
        before=(
            '            database.execute("DELETE FROM failed WHERE key IN (SELECT '
            '_key FROM settled)")\n'
            "            # A row"
        ),
        after="            # A row",
        found_by=(f"{_WRITES}[fail a row again, for another reason]",),
    ),
    Defect(
        what=("an event that may have arrived is sent again by the next run, without a person"),
        file="tajo_sf_pipeline/state/ledger.py",
        before="[held, run_id, datetime.now(UTC)]",
        after="[False, run_id, datetime.now(UTC)]",
        found_by=(f"{_WRITES}[fail a row that may have arrived]",),
    ),
    Defect(
        what=(
            "after a lost answer a contact keeps an old value, for the ledger believes it accepted"
        ),
        file="tajo_sf_pipeline/state/ledger.py",
        before="            database.execute(_MARK_UNKNOWN)\n",
        after="",
        found_by=(f"{_WRITES}[doubt a known row]",),
    ),
    Defect(
        what="who was written by a killed run can never leave the mirror's list",
        file="tajo_sf_pipeline/state/ledger.py",
        before="            if mirror:\n",
        after="            if not mirror:\n",
        found_by=(f"{_WRITES}[doubt a new row of a mirror]",),
    ),
    Defect(
        what=("a backfill lowers a row's version, and the next older one turns the contact back"),
        file="tajo_sf_pipeline/state/ledger.py",
        before="fingerprint = m._fingerprint AND version < m._version",
        after="fingerprint = m._fingerprint",
        found_by=(f"{_WRITES}[advance a row that is older]",),
    ),
    Defect(
        what="an event that may have arrived is sent again when its row comes back",
        file="tajo_sf_pipeline/state/ledger.py",
        before='"WHERE NOT held AND key NOT IN',
        after='"WHERE key NOT IN',
        found_by=(f"{_WRITES}[let go what is not in the source]",),
    ),
    Defect(
        what="a row that was refused and has left the source stays a failure for ever",
        file="tajo_sf_pipeline/engine/run.py",
        before=("        if self.whole:\n            self.ledger.forget_failures"),
        after=("        if not self:\n            self.ledger.forget_failures"),
        found_by=(f"{_PROMISES}::test_s06_a_refused_row_that_left_the_source_is_forgotten",),
    ),
    Defect(
        what="rows that the audience had put on a list before stay on it when they leave",
        file="tajo_sf_pipeline/state/ledger.py",
        before='"SELECT unnest($2) AS key EXCEPT SELECT key FROM rows)"',
        after='"SELECT DISTINCT unnest($2) AS key)"',
        found_by=(f"{_WRITES}[meet a list]",),
    ),
    Defect(
        what="a backfill turns the watermark back, and the next run extracts it all again",
        file="tajo_sf_pipeline/state/ledger.py",
        before="SET last_sync = greatest(last_sync, ?::TIMESTAMPTZ)",
        after="SET last_sync = coalesce(?::TIMESTAMPTZ, last_sync)",
        found_by=(f"{_WRITES}[finish a run of an earlier date]",),
    ),
    Defect(
        what="the payloads that a rollback needs are thrown away, and the oldest kept",
        file="tajo_sf_pipeline/state/ledger.py",
        before=("ORDER BY confirmed_at DESC, rowid DESC)\n        >"),
        after=("ORDER BY confirmed_at, rowid)\n        >"),
        found_by=(f"{_VERBS}::test_payloads_before_the_last_two_go_when_there_are_many",),
    ),
    Defect(
        what="who left long ago counts as held, so that the guard lets too many leave",
        file="tajo_sf_pipeline/state/ledger.py",
        before='FROM ledger.rows WHERE present"))',
        after='FROM ledger.rows"))',
        found_by=(f"{_READS}[present]",),
    ),
    Defect(
        what=(
            "the check of conservation counts removed rows as confirmed, and calls good runs bad"
        ),
        file="tajo_sf_pipeline/state/ledger.py",
        before="\"WHERE run_id = $1 AND action IN ('create', 'update') AND NOT",
        after='"WHERE run_id = $1 AND NOT',
        found_by=(f"{_READS}[confirmed by a run, but not whom it let go]",),
    ),
    Defect(
        what="of who left, the cleared values stand as what Brevo had accepted before",
        file="tajo_sf_pipeline/state/ledger.py",
        before="SELECT _key, _payload, $1 FROM settled WHERE action <> 'remove' AND",
        after="SELECT _key, _payload, $1 FROM settled WHERE",
        found_by=(f"{_WRITES}[confirm that a row has left]",),
    ),
    Defect(
        what="a run's lists are counted with those of other runs",
        file="tajo_sf_pipeline/state/ledger.py",
        before='"FROM ledger.rows WHERE run_id = ?) GROUP BY ALL',
        after='"FROM ledger.rows WHERE run_id <= ?) GROUP BY ALL',
        found_by=(f"{_READS}[lists of a run]",),
    ),
    Defect(
        what="a mirror takes people off a list on which others had put them",
        file="tajo_sf_pipeline/planning/diff.py",
        before="known_rows = _LISTS_OF_ITS_OWN if preexisting else",
        after="known_rows = _LISTS_OF_ITS_OWN if not total else",
        found_by=(f"{_VERBS}::test_s08_a_guest_of_a_list_does_not_leave_it",),
    ),
    Defect(
        what="who has a wrong value is taken off the list, as if gone from the source",
        file="tajo_sf_pipeline/planning/diff.py",
        before="            AND lower(key) NOT IN ({_rejected(inputs)})\n",
        after="",
        found_by=(f"{_DIFF}[mirror: who is rejected stays]",),
    ),
    Defect(
        what="who is still in an import that runs is taken off the list at the same time",
        file="tajo_sf_pipeline/planning/diff.py",
        before="            AND NOT EXISTS (FROM withheld AS w WHERE w.key = r.key)\n",
        after="",
        found_by=(f"{_DIFF}[mirror: who is in flight stays]",),
    ),
    Defect(
        what="a backfill of an older date takes newer members off the list",
        file="tajo_sf_pipeline/planning/diff.py",
        before=("            AND NOT EXISTS (FROM ledger.watermark WHERE newest > $window_end)\n"),
        after="",
        found_by=(f"{_DIFF}[mirror: an extract that is older than the latest run lets nobody go]",),
    ),
    Defect(
        what="a failed row that is in flight again is sent a second time",
        file="tajo_sf_pipeline/planning/diff.py",
        before="            AND NOT EXISTS (FROM withheld AS w WHERE w.key = f.key)\n",
        after="",
        found_by=(f"{_DIFF}[upsert: a failed row that is withheld]",),
    ),
    Defect(
        what="a refused row is tried again over newer values that Brevo has accepted since",
        file="tajo_sf_pipeline/planning/diff.py",
        before=(
            "\n"
            "            AND NOT EXISTS (FROM ledger.rows AS r WHERE r.key = f.key "
            "AND r.version > f.version)"
        ),
        after="",
        found_by=(f"{_VERBS}::test_s04_a_refused_row_is_not_tried_over_newer_values",),
    ),
    Defect(
        what="a failed row whose source is wrong now is sent with the values that it had",
        file="tajo_sf_pipeline/planning/diff.py",
        before="            AND lower(f.key) NOT IN ({_rejected(inputs)})\n",
        after="",
        found_by=(f"{_DIFF}[upsert: a failed row that is rejected now]",),
    ),
    Defect(
        what="a backfill puts who has left since on the list again",
        file="tajo_sf_pipeline/planning/diff.py",
        before="> $window_end::TIMESTAMPTZ, 'stale', 'create')",
        after="> $window_end::TIMESTAMPTZ, 'create', 'create')",
        found_by=(f"{_DIFF}[upsert: a row comes back in an older extract]",),
    ),
    Defect(
        what="contacts land on the lists of others, where each row names its list",
        file="tajo_sf_pipeline/planning/diff.py",
        before="ORDER BY category, _list, _key",
        after="ORDER BY category, _key",
        found_by=(f"{_VERBS}::test_s15_rows_of_one_list_stand_together_in_a_plan",),
    ),
    Defect(
        what="an opt-out is lifted because another column changed",
        file="tajo_sf_pipeline/planning/consent.py",
        before="else f'NOT c.{channel}'}",
        after="else 'true'}",
        found_by=(f"{_CONSENT}::test_s09_an_opt_out_stands_when_something_else_changes",),
    ),
    Defect(
        what="an opt-out that the warehouse has not heard of is lifted",
        file="tajo_sf_pipeline/planning/consent.py",
        before="return said_no is not None and all(moment <= said_no for moment in moments)",
        after="return said_no is not None",
        found_by=(f"{_CONSENT}::test_s09_an_opt_out_after_the_last_accepted_state_stands",),
    ),
    Defect(
        what="a consent that was given before the opt-out lifts it",
        file="tajo_sf_pipeline/planning/consent.py",
        before="return all(at > moment for moment in moments)",
        after="return True",
        found_by=(f"{_CONSENT}::test_s09_the_moment_of_consent_decides",),
    ),
    Defect(
        what="a blocklisting without a moment is no opt-out",
        file="tajo_sf_pipeline/planning/consent.py",
        before="    if not (moments or said_no):\n        return False\n",
        after="",
        found_by=(f"{_CONSENT}::test_s09_a_flag_without_a_moment_is_an_opt_out_of_now",),
    ),
    Defect(
        what="a new contact whose consent is unknown may be mailed",
        file="tajo_sf_pipeline/planning/consent.py",
        before='decided[channel] = True if consent.unknown == "blocklist" else None',
        after="decided[channel] = None",
        found_by=(
            f"{_CONSENT}::test_s09_a_new_contact_whose_consent_is_unknown[blocklist-blocked0-few]",
        ),
    ),
    Defect(
        what="a retry lifts an opt-out that came after the refusal",
        file="tajo_sf_pipeline/planning/diff.py",
        before="nullif(email_blacklisted, false) AS _email_blacklisted",
        after="email_blacklisted AS _email_blacklisted",
        found_by=(f"{_CONSENT}::test_s09_a_retry_lifts_nothing",),
    ),
    Defect(
        what="a backfill lifts opt-outs",
        file="tajo_sf_pipeline/engine/run.py",
        before='self.audience.consent.resubscribe and self.report.lane == "incremental"',
        after="self.audience.consent.resubscribe",
        found_by=(f"{_CONSENT}::test_s09_a_backfill_lifts_nothing",),
    ),
    Defect(
        what="a refusal of SMS is not told to Brevo where many rows travel together",
        file="tajo_sf_pipeline/planning/diff.py",
        before="WHEN _sms_blacklisted THEN 'blocklist_sms'",
        after="",
        found_by=(f"{_DIFF}[upsert: flags]",),
    ),
    Defect(
        what="a row that was given up is never sent again, whatever its new values",
        file="tajo_sf_pipeline/planning/diff.py",
        before=("ON w.key = m._key AND (w.fingerprint IS NULL OR w.fingerprint = m._fingerprint)"),
        after="ON w.key = m._key",
        found_by=(f"{_DIFF}[upsert: a row that was given up as it was]",),
    ),
    Defect(
        what=(
            "whom an import let go is left on the audience's list, to which the import added them"
        ),
        file="tajo_sf_pipeline/destinations/delivery.py",
        before='self.own_list if row["action"] == "remove" else []',
        after="[]",
        found_by=(f"{_PROMISES}::test_s08_who_leaves_is_taken_off_the_lists_of_the_audience",),
    ),
    Defect(
        what="a contact that Brevo did not take off its list counts as removed",
        file="tajo_sf_pipeline/destinations/delivery.py",
        before="return with_reasons(rows, reasons, stayed)",
        after="return reasons",
        found_by=(f"{_PROMISES}::test_s08_removed_counts_who_was_taken_off",),
    ),
    Defect(
        what="the ledger forgets the lists that a contact is on, and it never leaves them",
        file="tajo_sf_pipeline/destinations/delivery.py",
        before="sorted({*(kept or []), *joined}) for kept",
        after="sorted({*joined}) for kept",
        found_by=(
            f"{_ANSWERS}::test_s08_accepted_rows_are_on_the_lists_that_they_kept_and_joined[kept3-8-expected3]",
            f"{_ANSWERS}::test_s08_accepted_rows_are_on_the_lists_that_they_kept_and_joined[kept4-8-expected4]",
        ),
    ),
    Defect(
        what="a second run writes over the window that an earlier one left open",
        file="tajo_sf_pipeline/state/journal.py",
        before="self._next = max(self._open, default=0) + 1",
        after="self._next = 1",
        found_by=(f"{_JOURNAL}::test_s05_a_later_run_writes_over_no_window",),
    ),
    Defect(
        what="with the first settled window all others are forgotten by a crash",
        file="tajo_sf_pipeline/state/journal.py",
        before='            self._write({"settled": number})\n',
        after="            self._path.unlink(missing_ok=True)\n",
        found_by=(
            f"{_JOURNAL}::test_s05_a_later_run_finds_what_an_earlier_one_left_open",
            f"{_JOURNAL}::test_s05_a_journal_goes_with_its_last_window",
        ),
    ),
    Defect(
        what="a line of the journal names its plan where it is today",
        file="tajo_sf_pipeline/state/journal.py",
        before='asdict(batch) | {"plan": self._from_home(Path(batch.plan))}',
        after="asdict(batch)",
        found_by=(f"{_JOURNAL}::test_s05_a_journal_moves_with_its_folder",),
    ),
    Defect(
        what="a plan that 0.1 named by its absolute path is gone once the folder has moved",
        file="tajo_sf_pipeline/state/journal.py",
        before="return moved if plan.is_absolute() and moved.exists() else self._home / plan",
        after="return self._home / plan",
        found_by=(f"{_JOURNAL}::test_s05_a_plan_that_0_1_named_is_looked_for_where_the_folder_is",),
    ),
    Defect(
        what="a dry run plans rows again that are in flight",
        file="tajo_sf_pipeline/state/journal.py",
        before="replace(paths, scratch=None).plans",
        after="paths.plans",
        found_by=(f"{_JOURNAL}::test_rows_in_flight_are_known_to_who_plans_apart",),
    ),
    Defect(
        what=("after a day the rows of a lost import count as accepted, and are never sent again"),
        file="tajo_sf_pipeline/engine/recovery.py",
        before=(
            "        if time.time() - window.at > _LOST_AFTER:\n"
            "            delivery_of(window).mark_unknown(_rows(window), window.list_id)\n"
        ),
        after="        if time.time() - window.at > _LOST_AFTER:\n",
        found_by=(f"{_PROMISES}::test_s05_rows_of_a_lost_import_are_in_doubt[never ended]",),
    ),
    Defect(
        what="rows that were in flight when a run was killed keep what the ledger believed",
        file="tajo_sf_pipeline/destinations/base.py",
        before="        delivery.mark_unknown(rows, list_id)\n",
        after="",
        found_by=(f"{_PROMISES}::test_s05_rows_of_a_lost_import_are_in_doubt[never answered]",),
    ),
    Defect(
        what="the plan of a killed run, which holds personal data, stays on the disk",
        file="tajo_sf_pipeline/engine/recovery.py",
        before="        if file.name not in waited_for:",
        after="        if file.name in waited_for:",
        found_by=(f"{_JOURNAL}::test_s14_only_plans_that_are_waited_for_stay",),
    ),
    Defect(
        what="a backfill is measured by the volume of the daily runs, and stopped",
        file="tajo_sf_pipeline/engine/run.py",
        before=" if run.path == lane]",
        after="]",
        found_by=(
            f"{_PROMISES}::test_volume_is_that_of_the_runs_of_this_path_that_came_to_their_end",
        ),
    ),
    Defect(
        what="runs that were stopped count as usual volumes",
        file="tajo_sf_pipeline/engine/run.py",
        before=' if run.outcome == "done"][',
        after="][",
        found_by=(
            f"{_PROMISES}::test_volume_is_that_of_the_runs_of_this_path_that_came_to_their_end",
        ),
    ),
    Defect(
        what="failed rows that are gone from a whole source are tried again for ever",
        file="tajo_sf_pipeline/engine/run.py",
        before='self.audience.mode == "mirror" or not self.audience.statement.binds()',
        after='self.audience.mode == "mirror"',
        found_by=(f"{_PROMISES}::test_s06_a_refused_row_that_left_the_source_is_forgotten",),
    ),
    Defect(
        what=("an event that a person gave up is sent after all, when its letter has been pruned"),
        file="tajo_sf_pipeline/state/dead_letters.py",
        before=' AND {old} AND NOT ({given_up})"',
        after=' AND {old}"',
        found_by=(
            f"{_LETTERS}::test_s14_of_what_may_have_arrived_only_the_key_is_kept[vendor_outage-kept0]",
            f"{_LETTERS}::test_s14_of_what_may_have_arrived_only_the_key_is_kept[validation-kept1]",
        ),
    ),
    Defect(
        what="the personal data of a letter that must be kept is kept with it",
        file="tajo_sf_pipeline/state/dead_letters.py",
        before="SET payload = NULL WHERE {old} AND",
        after="SET payload = payload WHERE {old} AND",
        found_by=(
            f"{_LETTERS}::test_s14_of_what_may_have_arrived_only_the_key_is_kept[vendor_outage-kept0]",
        ),
    ),
    Defect(
        what="an event that was given up is sent when anything of its row changes",
        file="tajo_sf_pipeline/state/dead_letters.py",
        before="SELECT key, iif(kind = ?, NULL, fingerprint) AS fingerprint",
        after="SELECT key, iif(kind = ?, fingerprint, fingerprint) AS fingerprint",
        found_by=(f"{_LETTERS}::test_what_may_have_arrived_is_given_up_whatever_it_says",),
    ),
    Defect(
        what="discarding a list of letters discards rows that Brevo has accepted meanwhile",
        file="tajo_sf_pipeline/state/dead_letters.py",
        before="SET state = ?, closed_at = ? WHERE id = ? AND state = 'open'\"",
        after='SET state = ?, closed_at = ? WHERE id = ?"',
        found_by=(f"{_LETTERS}::test_only_open_letters_are_given_up",),
    ),
    Defect(
        what="a letter shows the values of the first refusal, not of the last",
        file="tajo_sf_pipeline/state/dead_letter.py",
        before="payload = excluded.payload, fingerprint = excluded.fingerprint,",
        after="fingerprint = excluded.fingerprint,",
        found_by=(f"{_LETTERS}::test_a_letter_tells_what_was_refused_last",),
    ),
    Defect(
        what="a row that was refused twice and given up is sent once more",
        file="tajo_sf_pipeline/state/dead_letter.py",
        before="payload = excluded.payload, fingerprint = excluded.fingerprint,",
        after="payload = excluded.payload,",
        found_by=(f"{_LETTERS}::test_a_row_is_given_up_as_it_was_refused_last",),
    ),
    Defect(
        what="a letter that this very run wrote is closed by it, and nobody sees it",
        file="tajo_sf_pipeline/state/dead_letters.py",
        before='AND identity = ? AND run_id <> ?"',
        after="AND identity = ? AND ? <> ''\"",
        found_by=(f"{_LETTERS}::test_a_run_closes_no_letter_that_it_wrote",),
    ),
    Defect(
        what="plans of runs long ago, which hold personal data, are kept for ever",
        file="tajo_sf_pipeline/engine/retention.py",
        before='for folder in ("extracts", "mapped", "plans")',
        after='for folder in ("extracts", "mapped")',
        found_by=(f"{_RETENTION}::test_s14_files_of_people_go_when_they_are_old",),
    ),
    Defect(
        what="closed letters, which hold personal data, are kept for ever",
        file="tajo_sf_pipeline/engine/retention.py",
        before="dead_letters.prune(now - retention.dead_letters)",
        after="pass",
        found_by=(f"{_RETENTION}::test_s14_closed_letters_go_when_they_are_old",),
    ),
    Defect(
        what="one audience's run removes the extracts of all",
        file="tajo_sf_pipeline/engine/retention.py",
        before='(paths.home / folder / paths.audience).glob("*")',
        after='(paths.home / folder).glob("*/*")',
        found_by=(f"{_RETENTION}::test_young_files_and_those_of_other_audiences_stay",),
    ),
    Defect(
        what="nothing is ever removed: extracts of people stay for ever",
        file="tajo_sf_pipeline/engine/run.py",
        before="        prune(self.paths, self.state.dead_letters, self.settings.file.retention)\n",
        after="",
        found_by=(f"{_DEAD}::test_extracts_are_kept_as_long_as_the_workspace_says",),
    ),
    Defect(
        what="contacts that Brevo refused are told as values that it does not hold",
        file="tajo_sf_pipeline/destinations/read_back.py",
        before='[*delivery.receipt.in_doubt, *delivery.ledger.failed()["key"].to_pylist()]',
        after="[*delivery.receipt.in_doubt]",
        found_by=(f"{_PROMISES}::test_read_back_asks_for_what_brevo_has_accepted",),
    ),
    Defect(
        what="who left is read back and told as a contact that Brevo does not have",
        file="tajo_sf_pipeline/destinations/read_back.py",
        before=('            pc.not_equal(rows["action"], "remove"),\n            pc.invert'),
        after=('            pc.not_equal(rows["action"], "nothing"),\n            pc.invert'),
        found_by=(f"{_PROMISES}::test_read_back_asks_for_what_brevo_has_accepted",),
    ),
    Defect(
        what="a read-back that fails makes a failed run of one that arrived",
        file="tajo_sf_pipeline/destinations/read_back.py",
        before="except VendorOutageError as error:",
        after="except ZeroDivisionError as error:",
        found_by=(f"{_PROMISES}::test_a_read_back_that_fails_ends_no_run",),
    ),
    Defect(
        what=("an event that was lost counts as arrived where the contact has another one like it"),
        file="tajo_sf_pipeline/destinations/lookup.py",
        before=(
            'return contact, event["event_name"], _moment(event.get("event_date")), properties'
        ),
        after=(
            'return contact, event["event_name"], '
            '_moment(event.get("event_date")), bool(properties)'
        ),
        found_by=(f"{_PROMISES}::test_s02_an_event_like_another_one_has_not_arrived",),
    ),
    Defect(
        what=("an event that was lost counts as arrived where another contact has one like it"),
        file="tajo_sf_pipeline/destinations/lookup.py",
        before='return contact, event["event_name"], _moment',
        after='return contact is None, event["event_name"], _moment',
        found_by=(f"{_PROMISES}::test_s02_an_event_like_another_one_has_not_arrived",),
    ),
    Defect(
        what="an address that Brevo has in capitals counts as no contact",
        file="tajo_sf_pipeline/brevo/identifiers.py",
        before='return str(contact.get("email") or "").lower()',
        after='return str(contact.get("email") or "")',
        found_by=(f"{_PROMISES}::test_many_keys_are_looked_for_in_every_page_of_the_account",),
    ),
    Defect(
        what="a contact that changes its list stays on the old one, too",
        file="tajo_sf_pipeline/destinations/single_calls.py",
        before='leaves = [number for number in row["leaves"] if number != list_id]',
        after="leaves: list[int] = []",
        found_by=(f"{_DELIVERY}::test_a_contact_that_changes_its_list_leaves_the_old_one[few]",),
    ),
    Defect(
        what=("a contact that somebody deleted in Brevo can never leave, and every run fails"),
        file="tajo_sf_pipeline/destinations/single_calls.py",
        before=(
            "        contacts.update(delivery.client, identifier, payload, "
            "unlink=leaves, flags=flags)\n"
            "    except RefusedError as error:\n"
            "        if error.status != _NOT_FOUND:\n"
            "            raise"
        ),
        after=(
            "        contacts.update(delivery.client, identifier, payload, "
            "unlink=leaves, flags=flags)\n"
            "    except RefusedError as error:\n"
            "        if error.status:\n"
            "            raise"
        ),
        found_by=(f"{_PROMISES}::test_s18_who_was_deleted_in_brevo_has_left[clear_attributes]",),
    ),
    Defect(
        what=(
            "a contact whose call ended in an outage keeps an old value when its row changes back"
        ),
        file="tajo_sf_pipeline/destinations/single_calls.py",
        before=(
            "            delivery.mark_unknown(rows.slice(len(reasons), 1), "
            "delivery.list_of(part))\n"
        ),
        after="",
        found_by=(f"{_PROMISES}::test_s05_a_contact_whose_answer_was_lost_is_written_again",),
    ),
    Defect(
        what="what was answered before an outage is sent again",
        file="tajo_sf_pipeline/destinations/single_calls.py",
        before="            delivery.settle(answer)\n",
        after="",
        found_by=(f"{_FAULTS}::test_an_outage_in_the_middle_says_how_far_it_came",),
    ),
    Defect(
        what="a number that Brevo's report names is confirmed all the same",
        file="tajo_sf_pipeline/destinations/background.py",
        before='named.get(name.removeprefix("+"), named.get(name))',
        after="named.get(name)",
        found_by=(f"{_PROMISES}::test_s02_a_number_that_a_report_names_is_not_confirmed",),
    ),
    Defect(
        what="rows of an import that ended badly count as accepted",
        file="tajo_sf_pipeline/destinations/background.py",
        before="    if not ended.completed:\n",
        after="    if not ended:\n",
        found_by=(f"{_RULES}::test_s02_nothing_of_an_import_that_ends_badly_is_confirmed[failed]",),
    ),
    Defect(
        what="leavers keep the values that on_leave: clear_attributes was to clear",
        file="tajo_sf_pipeline/destinations/contacts.py",
        before='clear=delivery.audience.clears or change == "clear_attributes"',
        after="clear=delivery.audience.clears",
        found_by=(
            f"{_MODES}::test_on_leave_says_what_becomes_of_leavers[clear_attributes-expected0-many]",
        ),
    ),
    Defect(
        what="events that an outage left unsent are lost from the counts",
        file="tajo_sf_pipeline/destinations/events.py",
        before="    delivery.receipt.wait_for(_taken(rows, sorted(error.unsent)))\n",
        after="",
        found_by=(f"{_PROMISES}::test_s02_events_that_were_not_sent_are_without_an_answer",),
    ),
    Defect(
        what="an event that may have arrived is sent again though a person was to decide",
        file="tajo_sf_pipeline/destinations/events.py",
        before='delivery.audience.on_uncertain == "hold"',
        after='delivery.audience.on_uncertain == "never"',
        found_by=(f"{_FAULTS}::test_events_that_may_be_lost[hold-3-0]",),
    ),
    Defect(
        what="a backfill sends the campaign",
        file="tajo_sf_pipeline/destinations/campaign.py",
        before='campaign.send and path != "backfill"',
        after="campaign.send",
        found_by=(f"{_DELIVERY}::test_campaign_is_made_once[True-backfill-draft]",),
    ),
    Defect(
        what="the campaign goes out although rows did not arrive",
        file="tajo_sf_pipeline/engine/run.py",
        before="if not outcome.receipt.failed and not outcome.receipt.pending:",
        after="if outcome:",
        found_by=(f"{_PROMISES}::test_a_campaign_waits_until_every_row_has_arrived",),
    ),
    Defect(
        what=("a backfill moves the watermark, and the incremental path skips what is between"),
        file="tajo_sf_pipeline/engine/outcome.py",
        before='if whole and self.report.lane == "incremental" else None',
        after="if whole else None",
        found_by=(f"{_PROMISES}::test_last_sync_is_moved_by_the_incremental_path_alone",),
    ),
    Defect(
        what="rows without an answer are skipped, for the watermark has passed them",
        file="tajo_sf_pipeline/engine/outcome.py",
        before="whole = not summary.failed and not summary.pending",
        after="whole = not summary.failed",
        found_by=(f"{_PROMISES}::test_last_sync_is_moved_by_the_incremental_path_alone",),
    ),
    Defect(
        what="a run that was stopped is remembered as one whose rows were all judged",
        file="tajo_sf_pipeline/engine/run.py",
        before="self.ledger.finish(summary, last_sync=None, newest=None)",
        after="self.ledger.finish(summary, last_sync=None, newest=outcome.report.window_end)",
        found_by=(f"{_PROMISES}::test_s04_a_run_that_was_stopped_judges_no_other",),
    ),
    Defect(
        what="the letter of a row that a retry brought stays open for ever",
        file="tajo_sf_pipeline/engine/run.py",
        before="        if receipt.came_back:\n",
        after="        if not receipt:\n",
        found_by=(f"{_PROMISES}::test_s06_a_refused_row_of_a_window_is_kept_until_it_arrives",),
    ),
    Defect(
        what="the letter of a held event is closed, and nobody decides about it",
        file="tajo_sf_pipeline/engine/run.py",
        before="pending=[*receipt.in_doubt, *self._not_sent(journal)]",
        after="pending=[*receipt.in_doubt]",
        found_by=(f"{_HELD}::test_a_held_event_is_a_dead_letter_until_it_is_replayed",),
    ),
    Defect(
        what="a run in which planned rows are lost is called good",
        file="tajo_sf_pipeline/state/run_summary.py",
        before="return self.extracted == results and self.planned == settled",
        after="return self.extracted == results",
        found_by=(
            f"{_SUMMARY}::test_s01_a_row_that_is_lost_or_counted_twice[confirmed]",
            f"{_SUMMARY}::test_s01_a_row_that_is_lost_or_counted_twice[failed]",
        ),
    ),
    Defect(
        what="a run in which rows only leave sends nothing",
        file="tajo_sf_pipeline/state/run_summary.py",
        before="return self.create + self.update + self.retry + self.remove",
        after="return self.create + self.update + self.retry",
        found_by=(f"{_DIFF}[mirror: who is gone leaves]",),
    ),
)
