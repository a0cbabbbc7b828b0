"""A security team's own word lists: what is offered, what it would find, and the folder that keeps them."""
