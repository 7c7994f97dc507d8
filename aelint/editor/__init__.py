"""What an editor asks for: findings, fixes and shapes of text that is being typed."""
