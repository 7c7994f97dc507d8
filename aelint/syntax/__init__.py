"""Text to trees: the compiler's tree for understanding, libcst's where an edit must keep what people typed."""
