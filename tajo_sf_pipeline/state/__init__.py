"""What must survive a run: ledger, journal, dead letters, the writer's lock; `base` is the seam.

It knows neither Brevo nor the plan that it remembers rows of; planning, destinations and the engine
import it.
"""
