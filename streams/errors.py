"""What a command or a service says when it cannot do what it was asked. Each message is one sentence, without message text."""

from typing import ClassVar


class LoadError(Exception):
    """Something a command was given cannot be used; the message is for people."""


class NotFound(Exception):
    """What the call names does not exist."""


class WrongUse(Exception):
    """The call makes no sense as it stands; the sentence says what to change."""


class Unavailable(Exception):
    """The call is right, but storage cannot take it now; the same call may succeed later. `part` is what is away."""

    part: ClassVar[str] = "other"
