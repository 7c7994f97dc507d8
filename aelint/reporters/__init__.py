"""One module per output format, each from diagnostics alone."""
