"""What varies on the sky, one parametric model a class."""
