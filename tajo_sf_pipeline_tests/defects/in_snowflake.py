"""Defects in the ways out of the warehouse."""

from tajo_sf_pipeline_tests.defects.defect import Defect

_TESTS = "tajo_sf_pipeline_tests"
_DRIVER = f"{_TESTS}/unit/test_driver_answers.py"
_KEYS = f"{_TESTS}/unit/test_keys_and_credentials.py"
_QUESTION = f"{_TESTS}/unit/test_freshness_question.py"
_SQL_API = f"{_TESTS}/unit/test_sql_api_answers.py"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        what="moments are bound in the session's own zone",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before='"parameters": {"query_tag": query_tag, "timezone": "UTC"}',
        after='"parameters": {"query_tag": query_tag}',
        found_by=(f"{_SQL_API}::test_s15_a_statement_says_its_tag_its_zone_and_its_binds",),
    ),
    Defect(
        what="a statement cannot be found by its tag in Snowflake's history",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before='{"query_tag": query_tag, "timezone": "UTC"}',
        after='{"timezone": "UTC"}',
        found_by=(f"{_SQL_API}::test_s15_a_statement_says_its_tag_its_zone_and_its_binds",),
    ),
    Defect(
        what="a partition with fewer rows than declared is taken, if another one has more",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before=(
            "                if batch.num_rows != expected:\n"
            '                    raise incomplete(handle, f"partition {number}", '
            "expected, batch.num_rows)\n"
        ),
        after="",
        found_by=(
            f"{_SQL_API}::test_s11_an_answer_with_other_rows_than_it_declares_is_incomplete",
        ),
    ),
    Defect(
        what="a result with fewer rows than declared is taken",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before=(
            "        if delivered != int(declared):\n"
            '            raise incomplete(handle, "the result", int(declared), delivered)\n'
        ),
        after="",
        found_by=(
            f"{_SQL_API}::test_s11_an_answer_with_other_rows_than_it_declares_is_incomplete",
        ),
    ),
    Defect(
        what="a statement whose submission was not answered runs twice",
        file="tajo_sf_pipeline/sources/snowflake/rest.py",
        before='again = {"retry": "true"} if attempt > 1 else {}',
        after="again: dict[str, str] = {}",
        found_by=(
            f"{_SQL_API}::test_s05_a_submission_that_was_not_answered_comes_again_as_the_same_one",
        ),
    ),
    Defect(
        what="a statement runs on after Ctrl-C",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before=(
            "        except BaseException:\n            self._cancel(handle)\n            raise"
        ),
        after=("        except TajoError:\n            self._cancel(handle)\n            raise"),
        found_by=(f"{_SQL_API}::test_an_interrupt_cancels_what_runs",),
    ),
    Defect(
        what="partitions arrive in another order",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before="batch = waiting.popleft().result()",
        after="batch = waiting.pop().result()",
        found_by=(f"{_SQL_API}::test_s11_partitions_arrive_in_their_order",),
    ),
    Defect(
        what="a statement that Snowflake does not end is polled for ever",
        file="tajo_sf_pipeline/sources/snowflake/sql_api.py",
        before="            if time.monotonic() > deadline:",
        after="            if False:",
        found_by=(f"{_SQL_API}::test_a_statement_that_does_not_end_is_cancelled",),
    ),
    Defect(
        what="the driver's truncated result looks like contacts who left",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before=(
            "    if delivered != cursor.rowcount:\n"
            '        raise incomplete(cursor.sfqid, "the result", cursor.rowcount, '
            "delivered)\n"
        ),
        after="",
        found_by=(f"{_DRIVER}::test_s11_other_rows_than_the_driver_declared_are_incomplete",),
    ),
    Defect(
        what="over the driver `statement_timeout` does not count",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before="                    timeout=self._snowflake.statement_timeout,\n",
        after="",
        found_by=(f"{_DRIVER}::test_a_statement_is_run_as_over_the_other_transport",),
    ),
    Defect(
        what="over the driver a statement has no tag",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before='{"QUERY_TAG": query_tag, "TIMEZONE": "UTC"}',
        after='{"TIMEZONE": "UTC"}',
        found_by=(f"{_DRIVER}::test_a_statement_is_run_as_over_the_other_transport",),
    ),
    Defect(
        what="over the driver moments are bound in the session's own zone",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before='{"QUERY_TAG": query_tag, "TIMEZONE": "UTC"}',
        after='{"QUERY_TAG": query_tag}',
        found_by=(f"{_DRIVER}::test_a_statement_is_run_as_over_the_other_transport",),
    ),
    Defect(
        what="over the driver a moment is bound as local time",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before='return ("TIMESTAMP_NTZ", value) if isinstance(value, datetime) else value',
        after="return value",
        found_by=(f"{_DRIVER}::test_a_statement_is_run_as_over_the_other_transport",),
    ),
    Defect(
        what="an OAuth token that has expired is told as a bad statement, exit 2",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before="390144, 390303, 390318, *range",
        after="390144, 390303, *range",
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="a statement over its time-out is told as a bad one, and not tried again",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before="_STATEMENT_TIMED_OUT = {604, 630}",
        after="_STATEMENT_TIMED_OUT = {604}",
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="a schema that is not there is told as bad SQL",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before="_NOT_FOUND = {2003, 2043}",
        after="_NOT_FOUND = {2003}",
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="Snowflake's 503 to a statement is told as a mistake in the SQL",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before="if drivers or number in _HTTP_OUTAGES:",
        after="if drivers:",
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="names in the SQL mean another database where a project hands in its connection",
        file="tajo_sf_pipeline/sources/snowflake/driver.py",
        before='        "database": snowflake.database,\n',
        after="",
        found_by=(f"{_DRIVER}::test_a_statement_is_run_as_over_the_other_transport",),
    ),
    Defect(
        what="a chunk that did not arrive whole is told as an outage",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before="number in _DRIVERS_OWN and number != _INCOMPLETE_CHUNK and not _by_text(text)",
        after="number in _DRIVERS_OWN and not _by_text(text)",
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="a suspended warehouse is told as a refused sign-in",
        file="tajo_sf_pipeline/sources/snowflake/error_translation.py",
        before=("_RESOURCE_MONITOR in text.lower()\n\n\ndef"),
        after=("_RESOURCE_MONITOR in text\n\n\ndef"),
        found_by=(f"{_DRIVER}::test_s17_each_of_the_drivers_errors_is_told_by_its_kind",),
    ),
    Defect(
        what="a view counts as unchanged since its oldest table changed",
        file="tajo_sf_pipeline/sources/snowflake/table_changes.py",
        before="None if unknown else max(moments)",
        after="None if unknown else min(moments)",
        found_by=(f"{_QUESTION}::test_a_view_changed_when_the_last_of_its_tables_did",),
    ),
    Defect(
        what="a view with a hidden table counts as known",
        file="tajo_sf_pipeline/sources/snowflake/table_changes.py",
        before="None if unknown else max(moments)",
        after="max(moments) if moments else None",
        found_by=(f"{_QUESTION}::test_a_view_above_a_table_that_is_hidden_is_unknown",),
    ),
    Defect(
        what="an outage is taken for tables that cannot be told of",
        file="tajo_sf_pipeline/sources/snowflake/table_changes.py",
        before=(
            "    except (AuthenticationError, VendorOutageError):\n"
            "        raise\n"
            "    except TajoError:\n"
            "        tokens = ChangeTokens()"
        ),
        after=("    except TajoError:\n        tokens = ChangeTokens()"),
        found_by=(
            f"{_QUESTION}::test_a_warehouse_that_cannot_be_asked_is_no_table_that_cannot_be_told_of",
        ),
    ),
    Defect(
        what="a table's name with a backslash breaks the question",
        file="tajo_sf_pipeline/sources/snowflake/table_changes.py",
        before='text.replace("\\\\", "\\\\\\\\").replace("\'", "\'\'")',
        after='text.replace("\'", "\'\'")',
        found_by=(f"{_QUESTION}::test_s14_a_tables_name_stays_a_name",),
    ),
    Defect(
        what="a materialized view is asked for tables that it does not show",
        file="tajo_sf_pipeline/sources/snowflake/table_changes.py",
        before=' or tables[0]["type"] == "MATERIALIZED VIEW"',
        after="",
        found_by=(f"{_QUESTION}::test_a_materialized_view_has_a_moment_of_its_own",),
    ),
    Defect(
        what="another statement's cost is shown",
        file="tajo_sf_pipeline/sources/snowflake/cost.py",
        before='        if row["query_id"] == query_id:\n',
        after='        if row["query_id"]:\n',
        found_by=(f"{_SQL_API}::test_a_cost_is_that_of_the_statement_itself",),
    ),
    Defect(
        what="a run fails because its cost may not be read",
        file="tajo_sf_pipeline/sources/snowflake/cost.py",
        before=("    except TajoError as error:\n        return f"),
        after=("    except KeyError as error:\n        return f"),
        found_by=(f"{_SQL_API}::test_a_cost_that_may_not_be_read_fails_nothing",),
    ),
    Defect(
        what="with a password the freshness sensor never signs in",
        file="tajo_sf_pipeline/sources/snowflake/source.py",
        before="        if self._connect or isinstance(self._snowflake.auth, Password):",
        after="        if self._connect:",
        found_by=(f"{_SQL_API}::test_a_small_question_takes_the_transport_that_can_sign_in",),
    ),
    Defect(
        what="a refresh token that is replaced is used again, and refused",
        file="tajo_sf_pipeline/sources/snowflake/credentials.py",
        before=(
            "        self._grant |= {name: body[name] for name in "
            '("refresh_token",) if name in body}\n'
        ),
        after="",
        found_by=(f"{_KEYS}::test_a_refresh_token_that_is_replaced",),
    ),
    Defect(
        what="an access token is used to its last second",
        file="tajo_sf_pipeline/sources/snowflake/credentials.py",
        before='float(body.get("expires_in", 600)) - SPARE_SECONDS',
        after='float(body.get("expires_in", 600))',
        found_by=(f"{_KEYS}::test_a_refresh_token_that_is_replaced",),
    ),
    Defect(
        what="a JWT is used after its end",
        file="tajo_sf_pipeline/sources/snowflake/credentials.py",
        before="RENEW_JWT_AFTER = timedelta(minutes=50)",
        after="RENEW_JWT_AFTER = timedelta(minutes=61)",
        found_by=(f"{_KEYS}::test_a_token_is_renewed_before_it_ages",),
    ),
    Defect(
        what="a key that Snowflake refuses is found by the run",
        file="tajo_sf_pipeline/sources/snowflake/keys.py",
        before="    if key.key_size < MIN_BITS:",
        after="    if key.key_size < 0:",
        found_by=(f"{_KEYS}::test_a_key_that_cannot_sign",),
    ),
    Defect(
        what="an offset is bound 24 hours off",
        file="tajo_sf_pipeline/sources/snowflake/bindings.py",
        before="{minutes + 1440}",
        after="{minutes}",
        found_by=(f"{_KEYS}::test_every_type_as_it_is_bound",),
    ),
)
