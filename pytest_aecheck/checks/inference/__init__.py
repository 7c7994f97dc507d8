"""Modes, state and repeatability."""
