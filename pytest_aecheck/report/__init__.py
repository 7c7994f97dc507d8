"""Where verdicts are written: the terminal, JSON, JUnit properties."""
