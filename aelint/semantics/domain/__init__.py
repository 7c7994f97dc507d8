"""What is known of a value: sizes, intervals, tensors as nodes of a dataflow graph, and what happened to them in order."""
