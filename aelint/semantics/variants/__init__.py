"""Facts about vector-quantised, recurrent, masked and sparse autoencoders."""
