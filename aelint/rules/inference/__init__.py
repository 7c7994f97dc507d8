"""Training and evaluation mode, checkpoints, sampling and metrics."""
