"""Layers and shapes that cannot fit, mix the batch, bypass or starve the bottleneck."""
