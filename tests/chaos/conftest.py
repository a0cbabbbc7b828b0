"""The real components."""

from stack_fixtures import _whole_stack, jars, local_stack, stack, stack_folder, topic_prefix

__all__ = ["_whole_stack", "jars", "local_stack", "stack", "stack_folder", "topic_prefix"]
