"""Layers and shapes."""
