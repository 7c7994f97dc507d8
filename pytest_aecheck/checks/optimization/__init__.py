"""Parameters, gradients and training steps."""
