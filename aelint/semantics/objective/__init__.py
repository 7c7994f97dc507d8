"""Facts about losses: their terms, weights, reductions and targets."""
