"""Files, notebooks, Markdown fences and standard input: bytes in, units of Python with a line map out."""
