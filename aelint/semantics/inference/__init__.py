"""Facts about what follows training: modes, checkpoints, scores, samples of the prior."""
