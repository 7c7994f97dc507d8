"""Vector-quantised, recurrent, masked and sparse autoencoders."""
