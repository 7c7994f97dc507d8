"""aelint: finds the faults of autoencoders in PyTorch source, without running it and without torch."""
