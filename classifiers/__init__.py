"""Messages in, signals out: a classifier measures and never judges."""
