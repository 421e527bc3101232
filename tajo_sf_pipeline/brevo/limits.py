"""What one call of Brevo's API takes at most; how many calls an account has is in `budget`.

Sources: developers.brevo.com/reference, by the page that each line names.
"""

IMPORT_BYTES = 8_000_000  # importcontacts: 10 MB are refused, 8 MB are called safe
LIST_CONTACTS = 150  # addcontacttolist, removecontactfromlist
BATCH_EVENTS = 100  # createbatchevents documents no number
BATCH_RECORDS = 1_000  # upsertrecords
RECORDS_BYTES = 1_000_000  # upsertrecords
