"""Facts about layers, sizes and positions: what fits, what is repeated, what no call reaches."""
