"""Initialisation, parameters, the flow of gradients, optimisers and the training loop."""
