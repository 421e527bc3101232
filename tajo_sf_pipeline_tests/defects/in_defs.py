"""Defects in what Dagster is told and does, and in the alerts."""

from tajo_sf_pipeline_tests.defects.defect import Defect

_TESTS = "tajo_sf_pipeline_tests"
_ALERTS = f"{_TESTS}/dagster/test_alert_history.py"
_CHECKS = f"{_TESTS}/dagster/test_blocking_checks.py"
_SCHEDULES = f"{_TESTS}/dagster/test_schedules.py"
_STEPS = f"{_TESTS}/dagster/test_step_failures.py"
_DEAD = f"{_TESTS}/server/test_dead_runs.py"
_RULES = f"{_TESTS}/dagster/test_dagsters_rules.py"
_SENSOR = f"{_TESTS}/dagster/test_freshness_sensor.py"
_TICKS = f"{_TESTS}/dagster/test_freshness_ticks.py"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        what="a run that a rate limit failed is not tried again",
        file="tajo_sf_pipeline/errors.py",
        before='    kind = "rate_limit"\n',
        after='    kind = "rate_limit"\n    retriable = False\n',
        found_by=(f"{_STEPS}::test_s17_what_may_be_better_later_is_tried_again",),
    ),
    Defect(
        what="a run whose extract was incomplete is not tried again",
        file="tajo_sf_pipeline/errors.py",
        before='    kind = "incomplete"\n    exit_code = 5\n    retriable = True\n',
        after='    kind = "incomplete"\n    exit_code = 5\n',
        found_by=(f"{_STEPS}::test_s17_what_may_be_better_later_is_tried_again",),
    ),
    Defect(
        what="a person in a terminal waits for retries",
        file="tajo_sf_pipeline/defs/failures.py",
        before="error.retriable and TERMINAL_TAG not in context.run.tags",
        after="error.retriable",
        found_by=(f"{_STEPS}::test_a_person_in_a_terminal_waits_for_no_retry",),
    ),
    Defect(
        what="one attempt more than the policy says",
        file="tajo_sf_pipeline/defs/failures.py",
        before="context.retry_number >= policy.max_retries",
        after="context.retry_number > policy.max_retries",
        found_by=(f"{_STEPS}::test_each_path_has_its_own_number_of_attempts",),
    ),
    Defect(
        what="a backfill gives up as early as the incremental path",
        file="tajo_sf_pipeline/defs/failures.py",
        before="policy = RETRIES[partition_of(context).lane]",
        after='policy = RETRIES["incremental"]',
        found_by=(f"{_STEPS}::test_each_path_has_its_own_number_of_attempts",),
    ),
    Defect(
        what="the terminal tells a Dagster failure instead of the error",
        file="tajo_sf_pipeline/defs/failures.py",
        before="            raise failure from error\n",
        after="            raise failure from None\n",
        found_by=(f"{_STEPS}::test_s17_what_a_person_must_mend_is_not_tried_again",),
    ),
    Defect(
        what="dates of one audience wait for each other",
        file="tajo_sf_pipeline/defs/one_run.py",
        before='name = f"{partition.audience.name}/{partition.day}"',
        after='name = f"{partition.audience.name}"',
        found_by=(f"{_STEPS}::test_only_runs_of_one_audience_and_date_wait_for_each_other",),
    ),
    Defect(
        what="audiences wait for each other on the same date",
        file="tajo_sf_pipeline/defs/one_run.py",
        before='name = f"{partition.audience.name}/{partition.day}"',
        after='name = f"{partition.day}"',
        found_by=(f"{_STEPS}::test_only_runs_of_one_audience_and_date_wait_for_each_other",),
    ),
    Defect(
        what="a run that has ended keeps its date",
        file="tajo_sf_pipeline/defs/one_run.py",
        before=("            lock.release()\n        self._held.clear()\n"),
        after="            pass\n",
        found_by=(f"{_STEPS}::test_only_runs_of_one_audience_and_date_wait_for_each_other",),
    ),
    Defect(
        what="`sync` alone, started from the page, writes what a blocking check would stop",
        file="tajo_sf_pipeline/defs/checks.py",
        before="    for name, verdict in verdicts(partition, left_out):\n",
        after="    for name, verdict in ():\n",
        found_by=(f"{_CHECKS}::test_s16_a_sync_that_runs_alone_is_judged_before_its_first_write",),
    ),
    Defect(
        what="attributes that Brevo lacks end with a guard's exit code",
        file="tajo_sf_pipeline/errors.py",
        before='kind = _widest(cls, reported["kind"]) or InternalError',
        after="kind = GuardError",
        found_by=(f"{_CHECKS}::test_s17_a_run_that_a_check_stopped_ends_with_that_checks_error",),
    ),
    Defect(
        what="a sensor that was off for a month asks for every date of it",
        file="tajo_sf_pipeline/defs/sensors.py",
        before="days_from(max(since, earliest), last)",
        after="days_from(since, last)",
        found_by=(f"{_TICKS}::test_a_sensor_that_was_off_asks_for_no_more_than_the_look_back",),
    ),
    Defect(
        what="changes start runs more often than `min_interval`",
        file="tajo_sf_pipeline/defs/sensors.py",
        before="        if memory.asked_at and now - memory.asked_at < interval:",
        after="        if False:",
        found_by=(f"{_TICKS}::test_a_change_within_the_interval_waits_and_is_not_lost",),
    ),
    Defect(
        what="a change starts a second run while the first is under way",
        file="tajo_sf_pipeline/defs/sensors.py",
        before='        if busy := under_way(instance, self._audience.name, "incremental"):',
        after='        if busy := "":',
        found_by=(f"{_TICKS}::test_a_change_waits_for_the_run_that_is_under_way",),
    ),
    Defect(
        what="the sensor forgets when it has asked",
        file="tajo_sf_pipeline/defs/sensors.py",
        before="cursor=replace(seen, asked_at=now).written()",
        after="cursor=seen.written()",
        found_by=(f"{_TICKS}::test_a_change_within_the_interval_waits_and_is_not_lost",),
    ),
    Defect(
        what="a change that was put off is lost",
        file="tajo_sf_pipeline/defs/sensors.py",
        before='            return _skip(f"changed: {names}; {later}", memory, events)',
        after='            return _skip(f"changed: {names}; {later}", seen, events)',
        found_by=(f"{_TICKS}::test_a_change_within_the_interval_waits_and_is_not_lost",),
    ),
    Defect(
        what="a warehouse that does not answer is a failed tick without a verdict",
        file="tajo_sf_pipeline/defs/sensors.py",
        before=('        except TajoError as error:\n            return _skip(f"the warehouse'),
        after=('        except KeyError as error:\n            return _skip(f"the warehouse'),
        found_by=(f"{_TICKS}::test_a_warehouse_that_does_not_answer_changes_nothing",),
    ),
    Defect(
        what="a missed date that is being run is asked for again",
        file="tajo_sf_pipeline/defs/missed_dates.py",
        before=('    if under_way(instance, audience, "backfill", day):\n        return None\n'),
        after="",
        found_by=(f"{_TICKS}::test_a_missed_date_that_is_being_run_is_not_asked_for",),
    ),
    Defect(
        what="a date that cannot be synced is asked for for ever",
        file="tajo_sf_pipeline/defs/missed_dates.py",
        before=("    if failed >= ATTEMPTS:\n        return None\n"),
        after="",
        found_by=(f"{_TICKS}::test_a_missed_date_is_asked_for_three_times",),
    ),
    Defect(
        what="dates before the start are asked for",
        file="tajo_sf_pipeline/defs/missed_dates.py",
        before="first = max(today - audience.catch_up, settings.file.start_date)",
        after="first = today - audience.catch_up",
        found_by=(f"{_TICKS}::test_missed_dates_begin_with_the_start_date",),
    ),
    Defect(
        what="a run that began before a date's end and ended after it counts as the whole date",
        file="tajo_sf_pipeline/defs/history.py",
        before="began.get(record.run_id, record.timestamp)",
        after="record.timestamp",
        found_by=(f"{_TICKS}::test_a_date_is_synced_from_when_its_run_began",),
    ),
    Defect(
        what="a change that a second run has brought is asked for again",
        file="tajo_sf_pipeline/defs/history.py",
        before="all(run.dagster_run.status is dg.DagsterRunStatus.FAILURE for run in runs)",
        after="any(run.dagster_run.status is dg.DagsterRunStatus.FAILURE for run in runs)",
        found_by=(f"{_TICKS}::test_a_date_has_failed_where_all_of_its_runs_did",),
    ),
    Defect(
        what="a run that Dagster starts again is told as failed",
        file="tajo_sf_pipeline/defs/alerting.py",
        before='if run is None or run.tags.get(WILL_RETRY_TAG) == "true":',
        after="if run is None:",
        found_by=(f"{_ALERTS}::test_a_run_that_dagster_starts_again_is_not_over",),
    ),
    Defect(
        what="nobody is told of a run that the page started",
        file="tajo_sf_pipeline/defs/alerting.py",
        before="run.tags.get(AUDIENCE_TAG) or _audience_of(run)",
        after="run.tags.get(AUDIENCE_TAG)",
        found_by=(f"{_ALERTS}::test_a_run_that_the_page_started_is_told_of",),
    ),
    Defect(
        what="a receiver that is gone for a week gets every old alert",
        file="tajo_sf_pipeline/defs/alerting.py",
        before="return now - datetime.fromisoformat(waiting.alert.at) < _KEPT",
        after="return True",
        found_by=(f"{_ALERTS}::test_a_message_waits_for_a_day",),
    ),
    Defect(
        what="who switches alerts on is told of every failure of the past",
        file="tajo_sf_pipeline/defs/alerting.py",
        before='            return _skip(after, State(), [], "first look',
        after=(
            "            after = {_SINCE: 0.0}\n"
            '            return _skip(after, State(), [], "first look'
        ),
        found_by=(f"{_ALERTS}::test_what_happened_before_the_first_look_is_not_told",),
    ),
    Defect(
        what="each tick tells of the same runs again",
        file="tajo_sf_pipeline/defs/alerting.py",
        before="return [end for end in ends if end is not None], {**after, **last}",
        after="return [end for end in ends if end is not None], after",
        found_by=(f"{_ALERTS}::test_each_run_is_read_once",),
    ),
    Defect(
        what=("a backfill's failure is told as the incremental path's, and ended by its next run"),
        file="tajo_sf_pipeline/defs/alerting.py",
        before='backfill = BACKFILL_TAG in run.tags or run.tags.get(PATH_TAG) == "backfill"',
        after='backfill = run.tags.get(PATH_TAG) == "backfill"',
        found_by=(f"{_ALERTS}::test_a_backfills_failure_is_its_own",),
    ),
    Defect(
        what="a value of the source can mention a whole channel in Slack",
        file="tajo_sf_pipeline/alerts/messages.py",
        before='_escaped(title(alert)), _escaped("\\n".join(lines(alert)))[:_SLACK_TEXT]',
        after='title(alert), "\\n".join(lines(alert))[:_SLACK_TEXT]',
        found_by=(f"{_ALERTS}::test_a_chat_takes_every_alert",),
    ),
    Defect(
        what="Slack refuses a long alert",
        file="tajo_sf_pipeline/alerts/messages.py",
        before="))[:_SLACK_TEXT]",
        after="))",
        found_by=(f"{_ALERTS}::test_a_chat_takes_every_alert",),
    ),
    Defect(
        what="a receiver that was down gets later alerts before earlier ones",
        file="tajo_sf_pipeline/alerts/senders.py",
        before=(
            "        if one.receiver in failed:\n"
            "            left.append(one)\n"
            "            continue\n"
        ),
        after="",
        found_by=(f"{_ALERTS}::test_a_receiver_gets_its_messages_in_their_order",),
    ),
    Defect(
        what="an alert waits for ever for a receiver that was taken out",
        file="tajo_sf_pipeline/alerts/senders.py",
        before="            continue  # it was taken out of tajo.yaml",
        after=("            left.append(one)\n            continue"),
        found_by=(f"{_ALERTS}::test_a_receiver_gets_its_messages_in_their_order",),
    ),
    Defect(
        what="a value with a bar shifts the columns of a table on the page",
        file="tajo_sf_pipeline/defs/metadata.py",
        before='.replace("|", "\\\\|")',
        after="",
        found_by=(f"{_CHECKS}::test_a_name_with_a_bar_stays_in_its_cell",),
    ),
    Defect(
        what="a script takes an incomplete extract for refused rows",
        file="tajo_sf_pipeline/errors.py",
        before=('    kind = "incomplete"\n    exit_code = 5'),
        after=('    kind = "incomplete"\n    exit_code = 1'),
        found_by=(f"{_STEPS}::test_s17_a_script_tells_errors_apart_by_their_exit_codes",),
    ),
    Defect(
        what="a script takes a rate limit for refused rows",
        file="tajo_sf_pipeline/errors.py",
        before='    kind = "rate_limit"\n',
        after=('    kind = "rate_limit"\n    exit_code = 1\n'),
        found_by=(f"{_STEPS}::test_s17_a_script_tells_errors_apart_by_their_exit_codes",),
    ),
    Defect(
        what="a run that found another writer is not tried again",
        file="tajo_sf_pipeline/errors.py",
        before='    kind = "busy"\n    exit_code = 5\n    retriable = True\n',
        after='    kind = "busy"\n    exit_code = 5\n',
        found_by=(f"{_STEPS}::test_s17_what_may_be_better_later_is_tried_again",),
    ),
    Defect(
        what="a run that found a full disk is not tried again",
        file="tajo_sf_pipeline/storage/write_errors.py",
        before="        return DiskFullError(",
        after="        return LocalStorageError(",
        found_by=(f"{_STEPS}::test_s17_a_disk_that_a_step_finds_full_is_tried_again",),
    ),
    Defect(
        what="a script takes a full disk for a wrong configuration",
        file="tajo_sf_pipeline/errors.py",
        before='    kind = "storage"\n    exit_code = 6',
        after='    kind = "storage"\n    exit_code = 2',
        found_by=(f"{_STEPS}::test_s17_a_script_tells_errors_apart_by_their_exit_codes",),
    ),
    Defect(
        what="after a delivery an alert says that nothing was written",
        file="tajo_sf_pipeline/defs/run_failure.py",
        before='    if place.endswith("/sync"):',
        after="    if False:",
        found_by=(f"{_CHECKS}::test_s17_a_run_that_a_check_stopped_ends_with_that_checks_error",),
    ),
    Defect(
        what="a process that was killed long ago is named as the writer",
        file="tajo_sf_pipeline/state/lock_holder.py",
        before=" if holder and (not holder.is_of_here or _lives(holder.pid)) else None",
        after="",
        found_by=(f"{_TESTS}/unit/test_lock_holder.py::test_who_was_killed_is_not_named",),
    ),
    Defect(
        what="a run of another machine is taken for dead",
        file="tajo_sf_pipeline/defs/dead_runs.py",
        before=" or not holder.is_of_here:",
        after=":",
        found_by=(f"{_DEAD}::test_what_may_be_alive_is_left_alone",),
    ),
    Defect(
        what="a run that its launcher looks after is taken for dead",
        file="tajo_sf_pipeline/defs/dead_runs.py",
        before="    if launched and instance.run_launcher",
        after="    if not launched and instance.run_launcher",
        found_by=(f"{_DEAD}::test_what_may_be_alive_is_left_alone",),
    ),
    Defect(
        what="a dead run keeps its audience's pool",
        file="tajo_sf_pipeline/defs/dead_runs.py",
        before="    instance.event_log_storage.free_concurrency_slots_for_run(run_id)\n",
        after="",
        found_by=(f"{_DEAD}::test_what_a_dead_run_holds_is_freed_whatever_dagster_believes_of_it",),
    ),
    Defect(
        what="a table moves and no automation condition takes note",
        file="tajo_sf_pipeline/defs/source_tables.py",
        before="tags={DATA_VERSION_TAG: token}",
        after="tags={}",
        found_by=(f"{_SENSOR}::test_an_automation_condition_fires_when_a_source_table_moved",),
    ),
    Defect(
        what="a schedule passes that Dagster refuses",
        file="tajo_sf_pipeline/config/cron.py",
        before="    if impossible and (",
        after="    if not text and (",
        found_by=(f"{_RULES}::test_a_schedule_passes_where_dagster_runs_it",),
    ),
    Defect(
        what="an owner passes that Dagster refuses",
        file="tajo_sf_pipeline/config/settings.py",
        before=r'r"\b[A-Za-z0-9._%+-]+@',
        after=r'r"[A-Za-z0-9._%+-]+@',
        found_by=(f"{_RULES}::test_an_owner_passes_where_dagster_takes_it",),
    ),
    Defect(
        what="a password on a command line is shown to whoever waits",
        file="tajo_sf_pipeline/state/lock_holder.py",
        before='not word.startswith("-")',
        after="True",
        found_by=(f"{_TESTS}/unit/test_lock_holder.py::test_a_command_is_told_up_to_its_options",),
    ),
    Defect(
        what="dates are missed as soon as they end",
        file="tajo_sf_pipeline/defs/schedules.py",
        before="return next(cron_string_iterator(end.timestamp(), cron, zone))",
        after="return end",
        found_by=(f"{_SCHEDULES}::test_the_tick_that_a_date_waits_for",),
    ),
    Defect(
        what="a stale audience shows as a failed run",
        file="tajo_sf_pipeline/defs/freshness.py",
        before=(
            "            severity=dg.AssetCheckSeverity.WARN,\n            description=description"
        ),
        after=(
            "            severity=dg.AssetCheckSeverity.ERROR,\n            description=description"
        ),
        found_by=(f"{_TICKS}::test_a_warehouse_that_does_not_answer_changes_nothing",),
    ),
)
