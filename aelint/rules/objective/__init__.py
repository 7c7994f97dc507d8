"""Reconstruction and KL terms: operands, formula, sign, reduction, weight and range."""
