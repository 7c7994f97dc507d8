"""Compose, check and apply edits."""
