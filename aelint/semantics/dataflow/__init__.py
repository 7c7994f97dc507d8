"""The program as a graph of values, and the questions that are asked of every graph: what feeds, uses and names a value."""
