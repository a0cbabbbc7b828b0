"""What a command or a service says when a call cannot be answered. Each message is one sentence for people, without message text."""


class LoadError(Exception):
    """Something a command was given cannot be used; the message is for people."""


class NotFound(Exception):
    """What the call names does not exist."""


class WrongUse(Exception):
    """The call makes no sense as it stands; the sentence says what to change."""


class Unavailable(Exception):
    """The call is right, but storage cannot take it now; the same call may succeed later."""
