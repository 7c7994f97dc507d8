"""The code and the posterior."""
