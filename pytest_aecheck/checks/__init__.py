"""One check per file: its documentation, its identity, and a pure function from observations to a verdict."""
