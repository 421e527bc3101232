"""Who is notified when something is wrong, and again when it is right: rules, messages, senders.

It imports the configuration alone; Dagster's sensors and the terminal import it.
"""
