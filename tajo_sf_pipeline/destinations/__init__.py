"""Rows of a plan into Brevo: routes, bodies, answers, and what a lost answer means.

The only package that speaks to both the plan and Brevo; the engine imports it.
"""
