"""Data sets, loaders, splits and transforms."""
