"""Long work on a survey in chunks: whoever does it, a kill loses only the chunks begun."""
