"""One run of one audience on one sync date, from extract to summary.

It knows every package above and nothing of Dagster or the terminal, which are two of its faces.
"""
