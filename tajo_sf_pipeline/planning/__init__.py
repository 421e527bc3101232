"""What a run would change, may it, and what it would cost: diff, plan, guards, estimate.

Numbers and rows; it reads the ledger, and calls nobody.
"""
