"""The shell: topics, agents, the embedded host and its store, the dispatcher, replay, and the command line."""
