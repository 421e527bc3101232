"""Bytes on this machine: where files are, Parquet and Arrow files, the process's DuckDB.

It gives no meaning to what it keeps; everything above the errors may import it.
"""
