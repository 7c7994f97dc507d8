"""What is understood, in words: sizes and places for messages, the hints of an editor, the text of `aelint inspect`."""
