"""Any model, as one thing: which of its outputs is the reconstruction, how to call it, what its loss is."""
