"""Facts about training: parameters and who holds them, gradients and where they are cut, the order of steps."""
