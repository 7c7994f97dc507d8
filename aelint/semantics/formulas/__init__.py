"""What is computed, whatever the spelling: tensors as formulas, sums and affine maps in normal form."""
