"""What each path under ``/v3`` answers: plain functions from a Call to a Reply."""
