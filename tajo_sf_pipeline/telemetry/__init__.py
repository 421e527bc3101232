"""What is reported of a run, and what must not be: logs, masking, personal data, findings.

Everything above the errors may import it.
"""
