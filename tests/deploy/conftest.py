"""Prometheus of the local stack, without the others."""

from stack_fixtures import jars, local_stack, stack_folder

__all__ = ["jars", "local_stack", "stack_folder"]
