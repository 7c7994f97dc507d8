"""From paths to diagnostics: discovery, prefilter, cache, one-file run, workers."""
