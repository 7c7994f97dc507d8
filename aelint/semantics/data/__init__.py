"""Facts about data: batches, splits, scales and pairs."""
