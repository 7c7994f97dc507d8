"""Facts about the latent: posteriors, how their heads are read, and how they are drawn from."""
