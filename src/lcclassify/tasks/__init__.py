"""Tasks: what a command does from a configuration to its results."""
