"""Ways in and out: posts that are signed, actions that are sent, and a stand-in that sends nothing."""
