"""A local Brevo: an HTTP double of Brevo's API v3 that keeps its contacts on disk.

It answers as the vendor documents (developers.brevo.com). Where the documents leave a question
open, the module that had to choose says so.
"""
