"""Running the model: every pass is made once and shared by all checks."""
