"""Defects in the mapping of rows, in their fingerprints, and in the checks of their quality."""

from tajo_sf_pipeline_tests.defects.defect import Defect

_TESTS = "tajo_sf_pipeline_tests"
_DUPLICATES = f"{_TESTS}/unit/test_duplicates.py"
_EDGES = f"{_TESTS}/unit/test_mapping_edges.py"
_FINGERPRINTS = f"{_TESTS}/unit/test_fingerprints.py"
_MAPPER = f"{_TESTS}/unit/test_mapper.py"
_MAPPING = f"{_TESTS}/rules/test_mapping_rules.py"
_NORMALISERS = f"{_TESTS}/unit/test_normalisers.py"
_PAYLOAD = f"{_TESTS}/unit/test_payload.py"
_QUALITY = f"{_TESTS}/unit/test_quality.py"
_SOFTENED = f"{_TESTS}/unit/test_softened_checks.py"
_FOR_EVER = f"{_FINGERPRINTS}::test_s26_a_fingerprint_is_the_same_for_ever"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        what="an upgrade sends every contact that has a list or a flag again",
        file="tajo_sf_pipeline/mapping/json_payload.py",
        before=('"null")\n        payloads'),
        after=('"NULL")\n        payloads'),
        found_by=(
            f"{_FOR_EVER}[flag: consent.email null]",
            f"{_FOR_EVER}[flag: consent.sms yes]",
        ),
    ),
    Defect(
        what="a contact that loses one flag and gets the other is not told to Brevo",
        file="tajo_sf_pipeline/mapping/json_payload.py",
        before='pc.binary_join_element_wise(payloads, name, written, "\\n")',
        after='pc.binary_join_element_wise(payloads, written, "\\n")',
        found_by=(f"{_EDGES}::test_s03_what_is_sent_beside_a_payload_is_told_apart[one0-other0]",),
    ),
    Defect(
        what="an upgrade sends every contact again",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before="_FORM = 1\n",
        after="_FORM = 2\n",
        found_by=(f"{_MAPPER}::test_s03_fingerprint_is_the_same_for_ever",),
    ),
    Defect(
        what="an upgrade sends every contact again, for the seed of the hash is another",
        file="tajo_sf_pipeline/mapping/json_payload.py",
        before="repeat(xxh3_64_intdigest(version))",
        after='repeat(int.from_bytes(version[:8], "little"))',
        found_by=(f"{_MAPPER}::test_s03_fingerprint_is_the_same_for_ever",),
    ),
    Defect(
        what="records sent to another type of object count as sent already",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before="    if destination.object:\n",
        after="    if not destination:\n",
        found_by=(f"{_EDGES}::test_s03_records_of_another_type_are_sent_though_they_say_the_same",),
    ),
    Defect(
        what="a list that moves to another folder is never filled",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before="        destination.folder,\n",
        after="",
        found_by=(f"{_MAPPER}::test_s03_fingerprint_is_the_same_for_ever",),
    ),
    Defect(
        what="a field that says nulls: clear keeps Brevo's old value",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before="field.field.nulls or self._audience.nulls",
        after="self._audience.nulls",
        found_by=(f"{_MAPPER}::test_maps[nulls of one field]",),
    ),
    Defect(
        what="events are dated by the sync's window and not by what the source says",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='if "event_date" in by_target else versions',
        after='if "date" in by_target else versions',
        found_by=(f"{_MAPPER}::test_maps[events]",),
    ),
    Defect(
        what="an event whose answer was lost cannot be found again, and is doubled",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='[Member("event_id", keys), *own]',
        after="[*own]",
        found_by=(f"{_MAPPER}::test_maps[events]",),
    ),
    Defect(
        what="events of a landline number are nobody's",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='"LANDLINE_NUMBER": "landline_number_id"',
        after='"LANDLINE_NUMBER": "landline_id"',
        found_by=(f"{_FOR_EVER}[event: of a landline]",),
    ),
    Defect(
        what="the ext_id beside an address is not written",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='"EXT_ID" if field.to == "ext_id" else None',
        after="None",
        found_by=(f"{_MAPPER}::test_maps[an own id that is not the key is an attribute]",),
    ),
    Defect(
        what="a contact without an address loses its whole row",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='return [pc.fill_null(joined(parts), "")] if values.null_count else parts',
        after="return [*parts]",
        found_by=(f"{_MAPPER}::test_maps[keyed by an own id]",),
    ),
    Defect(
        what="a record without a link is not sent at all",
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before='        parts.append(pc.fill_null(link, ""))',
        after="        parts.append(link)",
        found_by=(f"{_MAPPER}::test_maps[objects, linked]",),
    ),
    Defect(
        what="events go to a name that Brevo refuses as a whole batch",
        file="tajo_sf_pipeline/audience/destination.py",
        before='{1,255}$"',
        after='{1,256}$"',
        found_by=(f"{_EDGES}::test_s16_a_name_that_brevo_does_not_take_for_an_event[name1-False]",),
    ),
    Defect(
        what=("an event that is nobody's is sent and refused, instead of a reject with its reason"),
        file="tajo_sf_pipeline/mapping/payload_builders.py",
        before="missing(pc.coalesce(*identifiers), ",
        after="missing(pa.repeat(1, len(identifiers[0])), ",
        found_by=(f"{_MAPPER}::test_maps[events]",),
    ),
    Defect(
        what="of two rows that are one contact the older one is sent",
        file="tajo_sf_pipeline/mapping/duplicates.py",
        before="ORDER BY _version DESC, _payload DESC",
        after="ORDER BY _version, _payload DESC",
        found_by=(f"{_DUPLICATES}::test_the_greatest_version_wins",),
    ),
    Defect(
        what="the same rows in another order send another contact",
        file="tajo_sf_pipeline/mapping/duplicates.py",
        before="_version DESC, _payload DESC, _row)",
        after="_version DESC, _row)",
        found_by=(f"{_DUPLICATES}::test_s15_ties_are_settled_by_the_payload",),
    ),
    Defect(
        what="a duplicate's reject names itself as the row that was kept",
        file="tajo_sf_pipeline/mapping/duplicates.py",
        before="first_value(_row) OVER same AS kept_row",
        after="_row AS kept_row",
        found_by=(f"{_MAPPING}::test_two_rows_that_are_one_contact_are_shown_together",),
    ),
    Defect(
        what="values of people stand in the table of rejects, readable for all",
        file="tajo_sf_pipeline/mapping/rejects.py",
        before="None if text is None else masked(str(text))",
        after="None if text is None else str(text)",
        found_by=(
            f"{_MAPPER}::test_maps[one bad field costs the contact where nothing else is said]",
        ),
    ),
    Defect(
        what=("a row with two problems is told for the later one, and its key is blamed last"),
        file="tajo_sf_pipeline/mapping/rejects.py",
        before="pc.coalesce(self._texts, problems)",
        after="pc.coalesce(problems, self._texts)",
        found_by=(f"{_MAPPER}::test_maps[rows that are not contacts]",),
    ),
    Defect(
        what="rejects are told by column instead of in the order of their rows",
        file="tajo_sf_pipeline/mapping/rejects.py",
        before='.sort_by("row").combine_chunks()',
        after=".combine_chunks()",
        found_by=(f"{_MAPPER}::test_maps[rows that are not contacts]",),
    ),
    Defect(
        what="a text with a backslash breaks the whole request",
        file="tajo_sf_pipeline/mapping/json_payload.py",
        before='_ESCAPES = {"\\\\": "\\\\\\\\", \'"\': \'\\\\"\'}',
        after="_ESCAPES = {'\"': '\\\\\"'}",
        found_by=(f"{_MAPPER}::test_s15_on_the_wire[text]",),
    ),
    Defect(
        what="a text with a control character breaks the whole request",
        file="tajo_sf_pipeline/mapping/text_bytes.py",
        before="((codes < _SPACE) | (codes == _QUOTE) | (codes == _BACKSLASH))",
        after="((codes == _QUOTE) | (codes == _BACKSLASH))",
        found_by=(f"{_PAYLOAD}::test_s10_nulls_are_left_out",),
    ),
    Defect(
        what="a column that was cut is not escaped where it must be",
        file="tajo_sf_pipeline/mapping/text_bytes.py",
        before="texts.offset : texts.offset + len(texts) + 1",
        after="0 : len(texts) + 1",
        found_by=(
            f"{_EDGES}::test_s15_a_part_of_a_column_is_looked_at_where_it_is[1-1]",
            f"{_EDGES}::test_s15_a_part_of_a_column_is_looked_at_where_it_is[1-2]",
        ),
    ),
    Defect(
        what="the options of a contact go to its neighbour, where a row has none",
        file="tajo_sf_pipeline/mapping/json_payload.py",
        before="lengths = pc.fill_null(pc.list_value_length(column), 0)",
        after="lengths = pc.fill_null(pc.list_value_length(column), 1)",
        found_by=(f"{_MAPPER}::test_s15_on_the_wire[list]",),
    ),
    Defect(
        what="an event's properties lose the time of the day",
        file="tajo_sf_pipeline/mapping/choice.py",
        before="return self.destination.contact_attribute(target) is not None",
        after="return True",
        found_by=(f"{_MAPPER}::test_maps[events]",),
    ),
    Defect(
        what="numbers without a country get none, though the audience names it",
        file="tajo_sf_pipeline/mapping/choice.py",
        before="region = field.region or defaults.phone_region",
        after="region = field.region",
        found_by=(
            f"{_MAPPER}::test_maps[one bad field costs the contact where nothing else is said]",
        ),
    ),
    Defect(
        what="the dates of contacts are those of UTC, not of the shop",
        file="tajo_sf_pipeline/mapping/choice.py",
        before="moments.dates(field.timezone or defaults.timezone, field.format)",
        after='moments.dates(field.timezone or "UTC", field.format)',
        found_by=(f"{_MAPPER}::test_maps[a moment is the date in the workspace's zone]",),
    ),
    Defect(
        what="a row without a cursor value counts as the newest, and is never outdone",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before="pa.scalar(NEVER, MOMENT)",
        after="self._window_end",
        found_by=(f"{_MAPPER}::test_maps[a row without a cursor value is as old as can be]",),
    ),
    Defect(
        what="a cursor without a zone is read as another moment",
        file="tajo_sf_pipeline/mapping/mapper.py",
        before='values = pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")',
        after='values = pc.assume_timezone(values.cast(pa.timestamp("us")), "Europe/Paris")',
        found_by=(f"{_MAPPER}::test_maps[a cursor is the version of its row]",),
    ),
    Defect(
        what="a value that is to be kept as it is is lost",
        file="tajo_sf_pipeline/mapping/fields.py",
        before='self.field.on_invalid == "keep"',
        after='self.field.on_invalid == "kept"',
        found_by=(f"{_MAPPER}::test_maps[one bad optional field does not cost the contact]",),
    ),
    Defect(
        what="a default stands unmasked among masked values",
        file="tajo_sf_pipeline/mapping/fields.py",
        before=(
            "        if self.default is not None:\n"
            "            values = pc.fill_null(values, self.default)\n"
            "        if self.field.mask:\n"
            "            values = _MASKS[self.field.mask](values)\n"
        ),
        after=(
            "        if self.field.mask:\n"
            "            values = _MASKS[self.field.mask](values)\n"
            "        if self.default is not None:\n"
            "            values = pc.fill_null(values, self.default)\n"
        ),
        found_by=(
            f"{_EDGES}::test_s14_a_default_is_masked_as_values_are[sha256]",
            f"{_EDGES}::test_s14_a_default_is_masked_as_values_are[redact]",
        ),
    ),
    Defect(
        what="one row whose expression fails fails the whole extract",
        file="tajo_sf_pipeline/mapping/source_columns.py",
        before='f"TRY({each.sql}) AS v{n}, TRY',
        after='f"({each.sql}) AS v{n}, TRY',
        found_by=(f"{_MAPPER}::test_maps[an expression that fails rejects its row only]",),
    ),
    Defect(
        what="of two columns of one name the mapping takes one by accident",
        file="tajo_sf_pipeline/mapping/source_columns.py",
        before="if times[name.lower()] > 1 and",
        after="if times[name] > 1 and",
        found_by=(f"{_EDGES}::test_s16_two_columns_of_one_name_are_refused",),
    ),
    Defect(
        what="who opted out in Brevo is taken off the blocklist by an ordinary sync",
        file="tajo_sf_pipeline/mapping/normalisers/booleans.py",
        before=("    if resubscribe:\n        return blocked\n"),
        after=("    if blocked is not None:\n        return blocked\n"),
        found_by=(f"{_MAPPER}::test_maps[a consent blocks, and gives nothing back]",),
    ),
    Defect(
        what="a consent blocklists, and a refusal does not",
        file="tajo_sf_pipeline/mapping/normalisers/booleans.py",
        before="pc.invert(values) if inverted else values",
        after="pc.invert(values)",
        found_by=(f"{_MAPPER}::test_maps[a consent blocks, and gives nothing back]",),
    ),
    Defect(
        what="an address with a space around it is refused",
        file="tajo_sf_pipeline/mapping/normalisers/emails.py",
        before="    values = pc.utf8_trim_whitespace(values)\n",
        after="",
        found_by=(f"{_NORMALISERS}::test_value_becomes[e-mail]",),
    ),
    Defect(
        what="addresses that can receive nothing go to Brevo and spoil the sender's name",
        file="tajo_sf_pipeline/mapping/normalisers/emails.py",
        before="pc.and_not(plain, pc.match_substring_regex(values, _SPECIAL_USE))",
        after="plain",
        found_by=(f"{_NORMALISERS}::test_value_becomes[e-mail]",),
    ),
    Defect(
        what="numbers that begin with 00 are refused",
        file="tajo_sf_pipeline/mapping/normalisers/phones.py",
        before="(\\+|00)",
        after="(\\+)",
        found_by=(f"{_NORMALISERS}::test_value_becomes[phone without a region]",),
    ),
    Defect(
        what="a row without a country gets none, though there is a default",
        file="tajo_sf_pipeline/mapping/normalisers/phones.py",
        before="return pc.fill_null(regions, self._region)",
        after='return pc.fill_null(regions, "")',
        found_by=(f"{_NORMALISERS}::test_value_becomes[phone with a country beside]",),
    ),
    Defect(
        what="Yen are divided by a hundred",
        file="tajo_sf_pipeline/mapping/normalisers/money.py",
        before="10.0 ** (minor_digits(code) or 0)",
        after="10.0 ** (minor_digits(code) or 2)",
        found_by=(f"{_NORMALISERS}::test_value_becomes[minor units]",),
    ),
    Defect(
        what="a long id is rounded to another",
        file="tajo_sf_pipeline/mapping/normalisers/numbers.py",
        before="pc.less(pc.abs(numbers), _TOO_LARGE)",
        after="pc.less(pc.abs(numbers), 2 * _TOO_LARGE)",
        found_by=(f"{_MAPPER}::test_s15_on_the_wire[decimal]",),
    ),
    Defect(
        what="603.31 becomes 603.3100000000001",
        file="tajo_sf_pipeline/mapping/normalisers/numbers.py",
        before=("        column = column.cast(pa.string())\n    return"),
        after=("        column = column.cast(pa.float64())\n    return"),
        found_by=(f"{_MAPPER}::test_maps[one of each type]",),
    ),
    Defect(
        what="an option stands twice in a multiple choice",
        file="tajo_sf_pipeline/mapping/normalisers/lists.py",
        before="list(dict.fromkeys(item for item in trimmed if item))",
        after="[item for item in trimmed if item]",
        found_by=(f"{_MAPPER}::test_maps[moments, lists and JSON of a contact]",),
    ),
    Defect(
        what="an hour that a clock shows twice is told as the later one",
        file="tajo_sf_pipeline/mapping/normalisers/moments.py",
        before='ambiguous="earliest"',
        after='ambiguous="latest"',
        found_by=(
            f"{_MAPPER}::test_s15_on_the_wire[a clock time that is skipped, or shown twice]",
        ),
    ),
    Defect(
        what="a misspelling that is a real domain is told as one",
        file="tajo_sf_pipeline/mapping/normalisers/emails.py",
        before="if slip not in _REAL}",
        after="if slip not in _FREQUENT}",
        found_by=(f"{_NORMALISERS}::test_misspelt_domains_are_told",),
    ),
    Defect(
        what="people in the United Kingdom have no country",
        file="tajo_sf_pipeline/mapping/normalisers/codes.py",
        before='{"uk": "GB", "el": "GR"}',
        after='{"el": "GR"}',
        found_by=(f"{_NORMALISERS}::test_value_becomes[phone with a country beside]",),
    ),
    Defect(
        what="a text that is cut ends in a space",
        file="tajo_sf_pipeline/mapping/normalisers/texts.py",
        before="pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(values, 0, max_length))",
        after="pc.utf8_slice_codeunits(values, 0, max_length)",
        found_by=(f"{_NORMALISERS}::test_value_becomes[text that is cut]",),
    ),
    Defect(
        what="hashes are others than those of every other tool",
        file="tajo_sf_pipeline/mapping/normalisers/texts.py",
        before="sha256(value.encode()).hexdigest()",
        after="sha256(value.encode()).hexdigest().upper()",
        found_by=(f"{_MAPPER}::test_maps[the default, the constant, the expression]",),
    ),
    Defect(
        what="a row without a key passes the check",
        file="tajo_sf_pipeline/checks/rows.py",
        before="        if rows == keys:",
        after="        if rows == keys + nulls:",
        found_by=(f"{_QUALITY}::test_a_key_is_there_and_there_once[null]",),
    ),
    Defect(
        what="rows that the mapping loses are not missed",
        file="tajo_sf_pipeline/checks/rows.py",
        before="return Verdict(not lost, counts, problems)",
        after="return Verdict(lost >= 0, counts, problems)",
        found_by=(f"{_QUALITY}::test_a_row_that_is_neither_mapped_nor_rejected_is_missed",),
    ),
    Defect(
        what="a guard on the volume only warns",
        file="tajo_sf_pipeline/checks/rows.py",
        before="problems=(problem,), mild=limit is None)",
        after="problems=(problem,), mild=True)",
        found_by=(
            f"{_QUALITY}::test_volume_is_measured_by_the_last_runs[only what is new, with a guard]",
        ),
    ),
    Defect(
        what="a column that becomes text passes as the same",
        file="tajo_sf_pipeline/checks/schema.py",
        before="passed=not gone and not retyped",
        after="passed=not gone",
        found_by=(f"{_QUALITY}::test_drift_is_what_the_mapping_would_feel[another type]",),
    ),
    Defect(
        what="a check that was softened to a warning blocks",
        file="tajo_sf_pipeline/audience/check_rules.py",
        before='blocking=blocking and severity == "error"',
        after="blocking=blocking",
        found_by=(f"{_QUALITY}::test_an_audience_softens_a_check[a warning]",),
    ),
    Defect(
        what="an audience switches off the check of lost rows",
        file="tajo_sf_pipeline/audience/check_rules.py",
        before="if RULES[name].fixed:",
        after="if RULES[name].fixed is None:",
        found_by=(
            f"{_SOFTENED}::test_s01_what_holds_of_every_run_cannot_be_softened[columns_covered]",
            f"{_SOFTENED}::test_s01_what_holds_of_every_run_cannot_be_softened[rows_accounted_for]",
        ),
    ),
    Defect(
        what="a choice in other letters is refused, though Brevo takes it",
        file="tajo_sf_pipeline/checks/choices.py",
        before="if value.strip().lower() not in allowed",
        after="if value.strip() not in allowed",
        found_by=(f"{_QUALITY}::test_choices_are_those_that_brevo_has[all known]",),
    ),
    Defect(
        what="a phone number in Brevo's reason stands in the log",
        file="tajo_sf_pipeline/telemetry/personal.py",
        before="return _NUMBER.sub(lambda match: masked(match[0]), text)",
        after="return text",
        found_by=(
            f"{_QUALITY}::test_a_reason_names_nobody['+33612345678' is taken-'+***' is taken]",
        ),
    ),
)
