"""Rules so small that a test can say what they will find."""
