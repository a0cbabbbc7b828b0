"""The sealed path: reports and state secrets are parted at the door into what is sealed and what all may read.

What is sealed goes to a topic of its own, readable only with a private key that no process of the fleet has. What all may
read is a stub, which is judged as the whole would have been. ADR 0008 says why it is as it is.
"""

import json
import os
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from msgspec import Struct
from msgspec.structs import replace

from classifiers.folding import fold
from classifiers.measure import own_words
from classifiers.patterns import SEALED as FLAG
from classifiers.patterns import carries_secrecy, find_in_file_names, find_patterns
from models import Observation
from models.observation import Attachment, Millis
from streams.errors import LoadError, WrongUse
from streams.fleet.kafka import SEALED, SEALED_ACCESS
from streams.topics import Record, decode_observation, honest_flags

Kind = Literal["report", "secrecy_marking", "quotation"]

_SECRECY = "secrecy_marking"
# Told of a sealed message by flags, so that its stub breaks the clauses that the whole would break.
_MARKINGS = (_SECRECY, "internal_marking", "red_header_file")
# Every marking of secrecy holds this character, and nothing else is folded into it: other posts cost one search.
_MAY_CARRY = re.compile("密".encode() + rb"|\\u5bc6", re.IGNORECASE)
# How WeChat writes a reply into the text: 「name：quoted」.
_BRACKETS = str.maketrans("「」", "\n\n")
_SPEAKER = re.compile(r"(?m)^[^\n：:]{1,40}[：:]\s*")
# Stands for a text whose being there counts, as in an appeal, and whose words do not.
_TAKEN_OUT = "（原文已封存）"
# The length of what is sealed would tell a line from a document: it is filled up to a multiple of this, bytes.
_BLOCK = 1024

_PUBLIC, _PRIVATE = "xqpk_", "xqsk_"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Parted:
    """An observation in two: its bytes are to be sealed as `kind`; `stub`, JSON as well, may be read by all."""

    kind: Kind
    stub: bytes


class Sealed(Struct, frozen=True, kw_only=True):
    """A record of `sealed`. `id` is random; `key` names the key that opens it; `box` holds the observation's bytes."""

    id: str
    kind: Kind
    sealed_at: Millis
    key: str
    box: bytes


class Access(Struct, frozen=True, kw_only=True):
    """A record of `sealed-access`: who opened what, when and why."""

    id: str
    kind: Kind
    by: str
    reason: str
    opened_at: Millis
    key: str


# parting


def part(seen: Observation, body: bytes) -> Parted | None:
    """Part an observation, given with its bytes; None where nothing of it has to be sealed.

    Sealed are reports, messages and uploads that carry a marking (`secrecy_marking`), and what only quotes one or carries
    it where nobody judges (`quotation`). Whatever `sealed:` flags come along are not believed.
    """
    if seen.type == "report.filed":
        return Parted("report", _stub(seen, ("report",), whose=False))
    if not _MAY_CARRY.search(body):
        return None
    found = _measured(seen)
    if _SECRECY in found:
        return Parted(_SECRECY, _stub(seen, [one for one in _MARKINGS if one in found], whose=True))
    if _is_carried(seen, body):
        return Parted("quotation", _without_quotation(seen))
    return None


def _measured(seen: Observation) -> set[str]:
    """The categories of patterns in what is judged: own words, titles of links, names of files."""
    if not seen.is_message and seen.type != "file.uploaded":
        return set()
    text = own_words(seen).text
    found = {one.category for one in find_in_file_names(seen)}
    if _SECRECY in found or carries_secrecy(text):
        # Folding one text alone costs more than all the rest, and hardly any 密 marks a secret.
        found |= {one.category for one in find_patterns(text, fold(text))}
    return found


def _stub(seen: Observation, found: Iterable[str], *, whose: bool) -> bytes:
    """What is left when all words are taken out; of whom it comes is left only where somebody answers for it."""
    upload = seen.type == "file.uploaded"
    left = Observation(
        type=seen.type,
        v=seen.v,
        id=seen.id,
        platform=seen.platform,
        account=seen.account,
        group=seen.group,
        sender=seen.sender if whose else None,
        target=seen.target if whose and upload else None,
        sent_at=seen.sent_at,
        received_at=seen.received_at,
        kind=seen.kind,
        # That there was a file, and no more, is what some clauses ask.
        attachments=tuple(Attachment(kind=one.kind) for one in seen.attachments or ()) or None if whose else None,
        edit_of=seen.edit_of if whose else None,
        native_id=seen.native_id,
        flags=(*honest_flags(seen), *(FLAG + one for one in found)),
    )
    return _encode(_bare(msgspec.to_builtins(left)))


def _is_carried(seen: Observation, body: bytes) -> bool:
    """Whether a marking stands anywhere else: quoted, forwarded, in fields that we do not know."""
    try:
        whole = json.loads(body.decode())
    except (ValueError, RecursionError):
        # Where we cannot look, nothing is taken for harmless.
        return True
    return _is_marked(whole) or _is_marked(msgspec.to_builtins(seen)) or _is_in_quote(seen)


def _is_in_quote(seen: Observation) -> bool:
    """Whether a reply that WeChat wrote into the text quotes a marking; patterns take words in 「」 for talk about one."""
    quoted = (_text(seen) or "").removesuffix(own_words(replace(seen, links=None)).text) if seen.is_message else ""
    lines = quoted.translate(_BRACKETS)
    return carries_secrecy(lines) or carries_secrecy(_SPEAKER.sub("", lines))


def _is_marked(value: Any) -> bool:
    """Whether a string anywhere in a value of JSON carries a marking. Not recursive: senders nest as deep as they like."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            if carries_secrecy(one):
                return True
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one
    return False


def _without_quotation(seen: Observation) -> bytes:
    """The observation with all that is judged, without what carries the marking and without fields that nobody judges."""
    left = replace(seen, flags=(*honest_flags(seen), f"{FLAG}quotation"))
    if seen.is_message and _text(seen) is not None:
        # The new text of an edit may have come only as a change.
        change = replace(seen.change, old=None, new=None) if seen.change else None
        left = replace(left, text=own_words(replace(seen, links=None)).text, change=change)
    elif _is_marked(seen.text):
        left = replace(left, text=_TAKEN_OUT)
    if _is_marked(seen.forward):
        # What was passed on with a marking is all of one piece.
        left = replace(left, forward=None)
    if seen.fact and _is_marked(seen.fact.name):
        left = replace(left, fact=None)
    try:
        return _encode(_bare(msgspec.to_builtins(left)))
    except RecursionError:
        # Only in what somebody states may anything be nested so deep.
        return _encode(_bare(msgspec.to_builtins(replace(left, fact=None))))


def _text(seen: Observation) -> str | None:
    changed = seen.change.new if seen.change and seen.change.field == "text" else None
    return changed if seen.text is None else seen.text


# Without these it would be no observation; none of them is a person's words.
_NEEDED = frozenset({"type", "id", "platform", "url"})


def _bare(value: Any) -> Any:
    """JSON without the strings that carry a marking."""
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if name in _NEEDED or not _is_text(one)}
    if isinstance(value, list | tuple):
        return [_bare(one) for one in value if not _is_text(one)]
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and _is_marked(value)


# keys


def new_keys() -> tuple[str, str]:
    """A new private key and the public key that belongs to it, as text."""
    private = X25519PrivateKey.generate()
    return _written(_PRIVATE, private.private_bytes_raw()), _written(_PUBLIC, private.public_key().public_bytes_raw())


def write_private_key(path: Path, private: str) -> None:
    """Write a private key into a new file that only its owner may read; a file that is there is never replaced."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(private + "\n")
    except FileExistsError as error:
        raise WrongUse(f"{path} is there already, and a key that is lost opens nothing: name another file") from error


def read_private_key(path: Path) -> X25519PrivateKey:
    """The private key in a file. LoadError, one sentence without its content, where it holds none."""
    try:
        return X25519PrivateKey.from_private_bytes(_read(_PRIVATE, path.read_text(encoding="ascii").strip()))
    except ValueError as error:
        raise LoadError(f"{path} holds no private key of the sealed path: name the file that keygen wrote") from error


def key_name(key: X25519PublicKey) -> str:
    """What a key is called in records, so that its holder finds what it opens."""
    return blake2b(key.public_bytes_raw(), digest_size=4).hexdigest()


def _written(prefix: str, raw: bytes) -> str:
    return prefix + urlsafe_b64encode(raw).decode().rstrip("=")


def _read(prefix: str, text: str) -> bytes:
    if not text.startswith(prefix):
        raise ValueError(f"not {prefix}")
    return urlsafe_b64decode(text.removeprefix(prefix) + "=")


# sealing and opening


class Seal:
    """Seals for the holder of one private key. LoadError where the public key is none."""

    def __init__(self, public_key: str) -> None:
        try:
            self._key = X25519PublicKey.from_public_bytes(_read(_PUBLIC, public_key))
            # Some points of the curve share no secret with anybody.
            _SUITE.encrypt(b"", self._key)
        except ValueError as error:
            raise LoadError("XUNQUN_SEALED_KEY is no public key: set the one that keygen printed") from error
        self._name = key_name(self._key)

    def __call__(self, body: bytes, kind: Kind, at: Millis) -> Record:
        """A record for `sealed`, without a key, under a new random id."""
        name = f"z_{secrets.token_hex(12)}"
        # White space at the end of JSON means nothing.
        filled = body + b" " * (-len(body) % _BLOCK)
        box = _SUITE.encrypt(filled, self._key, info=_bound(name, kind))
        value = _encode(Sealed(id=name, kind=kind, sealed_at=at, key=self._name, box=box))
        return Record(SEALED, "", value, -1, at)


def unseal(sealed: Sealed, key: X25519PrivateKey) -> bytes:
    """The observation's bytes. WrongUse where the key is another one or the record is not as it was sealed."""
    mine = key_name(key.public_key())
    if mine != sealed.key:
        raise WrongUse(f"{sealed.id} was sealed for key {sealed.key}, and this is key {mine}: name that key's file")
    try:
        return _SUITE.decrypt(sealed.box, key, info=_bound(sealed.id, sealed.kind)).rstrip(b" ")
    except InvalidTag as error:
        raise WrongUse(f"{sealed.id} does not open: the record is not as it was sealed") from error


def find(records: Sequence[Sealed], named: str, key: X25519PrivateKey) -> tuple[Sealed, bytes]:
    """The sealed record of this id, or of the observation of this id, and what it holds. WrongUse where there is none."""
    for one in records:
        if one.id == named:
            return one, unseal(one, key)
    mine = key_name(key.public_key())
    for one in records:
        if one.key == mine and decode_observation(held := unseal(one, key)).id == named:
            return one, held
    raise WrongUse(f"nothing that this key opens is called {named}: `xunqun sealed list` shows what there is")


def read_sealed(records: Iterable[Record]) -> list[Sealed]:
    """Records of `sealed`, oldest first."""
    return sorted(map(_SEALED.decode, (one.value for one in records)), key=lambda one: (one.sealed_at, one.id))


def read_accesses(records: Iterable[Record]) -> list[Access]:
    """Records of `sealed-access`, oldest first."""
    return sorted(map(_ACCESS.decode, (one.value for one in records)), key=lambda one: one.opened_at)


def access(sealed: Sealed, *, by: str, reason: str, at: Millis) -> Record:
    """What has to be stored before anybody sees what was opened. WrongUse without a name or a reason."""
    if not by.strip() or not reason.strip():
        raise WrongUse("say who opens it and why: --by NAME --reason TEXT")
    entry = Access(id=sealed.id, kind=sealed.kind, by=by, reason=reason, opened_at=at, key=sealed.key)
    return Record(SEALED_ACCESS, "", _encode(entry), -1, at)


def _bound(name: str, kind: Kind) -> bytes:
    """What a box is tied to: it does not open under another id or as another kind."""
    return f"xunqun/sealed/1/{kind}/{name}".encode()


_SEALED = msgspec.json.Decoder(Sealed)
_ACCESS = msgspec.json.Decoder(Access)
