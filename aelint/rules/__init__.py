"""The rules, one module each, in one folder per family."""
