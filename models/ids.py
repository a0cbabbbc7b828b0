"""Ids that follow from causes, so that every run and every worker gives the same ones."""

from hashlib import blake2b

# 96 bits: among 10^9 ids of one kind the chance of any collision is below 10^-11.
_DIGEST_BYTES = 12


def digest(prefix: str, *causes: str | int | None) -> str:
    """Name something after what caused it: `prefix` and 24 hex digits.

    `causes` are told apart by position and by None against the empty string, so ("a", "b") and ("ab", "") differ.
    Never pass a version, a clock reading or a counter of the process: the id would change from run to run.
    """
    joined = "\x1f".join("\x00" if cause is None else str(cause) for cause in causes)
    return f"{prefix}_{blake2b(joined.encode('utf-8', 'surrogatepass'), digest_size=_DIGEST_BYTES).hexdigest()}"
