"""The code, the posterior's heads and the reparameterisation."""
