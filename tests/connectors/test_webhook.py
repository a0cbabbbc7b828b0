"""Signatures of posts that come in, and waits between tries."""

import base64

import pytest
from multidict import CIMultiDict
from standardwebhooks import Webhook

from connectors.webhook import (
    LONGEST_BACKOFF,
    TOLERANCE,
    SignatureRefused,
    UnusableSecret,
    backoff,
    check_secret,
    sign,
    verify,
)

OLD, NEW = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
BODY = '{"id":"m1","type":"message.created","text":"面膜内部代理价"}'.encode()
NOW = 1_780_000_000.25


def refusal(headers, body=BODY, secrets=(NEW,), now=NOW):
    with pytest.raises(SignatureRefused) as refused:
        verify(headers, body, secrets, now)
    return str(refused.value)


def test_a_signed_post_is_taken():
    verify(sign(NEW, "m1", BODY, NOW), BODY, [NEW], NOW)


def test_our_signature_is_the_one_of_the_standard():
    """The example of the specification's own libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_secrets_rotate_both_are_taken():
    for secret in (OLD, NEW):
        verify(sign(secret, "m1", BODY, NOW), BODY, [NEW, OLD], NOW)
    assert "does not fit" in refusal(sign(OLD, "m1", BODY, NOW), secrets=[NEW])


def test_one_good_signature_among_several_is_enough():
    headers = sign(NEW, "m1", BODY, NOW)
    other = sign(OLD, "m1", BODY, NOW)["webhook-signature"]
    headers["webhook-signature"] = f"{other} v1a,c29tZXRoaW5n {headers['webhook-signature']}"
    verify(headers, BODY, [NEW], NOW)


def test_header_names_ignore_case():
    headers = CIMultiDict({name.title(): value for name, value in sign(NEW, "m1", BODY, NOW).items()})
    verify(headers, BODY, [NEW], NOW)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_header_is_needed(missing):
    headers = sign(NEW, "m1", BODY, NOW)
    del headers[missing]
    assert "not signed" in refusal(headers)


def test_five_minutes_either_way_are_taken_and_no_more():
    headers = sign(NEW, "m1", BODY, NOW)
    at = int(NOW)
    verify(headers, BODY, [NEW], at + TOLERANCE)
    verify(headers, BODY, [NEW], at - TOLERANCE)
    assert "seconds old" in refusal(headers, now=at + TOLERANCE + 1)
    assert "in the future" in refusal(headers, now=at - TOLERANCE - 1)


@pytest.mark.parametrize("stamp", ["yesterday", "-1", "1e9", "nan", "inf", "1780000000.5", "9" * 400, "١٧٨", " "])
def test_a_time_that_is_no_number_is_refused(stamp):
    assert "webhook-timestamp" in refusal({**sign(NEW, "m1", BODY, NOW), "webhook-timestamp": stamp})


@pytest.mark.parametrize("given", ["v1", "v1,", ",", "v2,AAAA", "v1,not base64!", "v1,签名", "v1,\udcff", "x" * 5000])
def test_a_malformed_signature_is_refused_and_breaks_nothing(given):
    assert "does not fit" in refusal({**sign(NEW, "m1", BODY, NOW), "webhook-signature": given})


def test_id_time_and_body_are_all_signed():
    headers = sign(NEW, "m1", BODY, NOW)
    assert "does not fit" in refusal(headers, body=BODY + b" ")
    assert "does not fit" in refusal({**headers, "webhook-id": "m2"})
    assert "does not fit" in refusal({**headers, "webhook-timestamp": str(int(NOW) + 1)})


def test_a_body_that_is_not_utf_8_is_refused_in_those_words():
    assert "not UTF-8" in refusal(sign(NEW, "m1", BODY, NOW), body="全体成员注意".encode("gbk"))


def test_without_secrets_nothing_is_taken():
    assert "does not fit" in refusal(sign(NEW, "m1", BODY, NOW), secrets=())


def test_no_refusal_repeats_the_secret_or_the_text():
    headers = sign(OLD, "m1", BODY, NOW)
    for sentence in (refusal(headers), refusal(headers, now=NOW + 999), refusal({})):
        assert NEW.removeprefix("whsec_") not in sentence
        assert "面膜" not in sentence


def test_a_secret_may_lack_prefix_and_padding():
    bare = NEW.removeprefix("whsec_").rstrip("=")
    check_secret(bare)
    verify(sign(NEW, "m1", BODY, NOW), BODY, [bare], NOW)
    Webhook(bare)  # the library agrees


@pytest.mark.parametrize("secret", ["", "whsec_", "密钥", "geheim, geheim", "whsec_a-b_c-d_", "whsec_A"])
def test_a_secret_that_would_sign_with_another_key_is_refused_at_start(secret):
    with pytest.raises(UnusableSecret) as refused:
        check_secret(secret)
    assert "base64" in str(refused.value)
    assert not secret.removeprefix("whsec_") or secret not in str(refused.value)


def test_waits_double_up_to_five_minutes():
    for tries in range(1, 40):
        full = min(LONGEST_BACKOFF, 2.0 ** (tries - 1))
        assert full / 2 <= backoff(tries, key="a1") <= full
    assert backoff(10**6, key="a1") <= LONGEST_BACKOFF
    assert backoff(0, key="a1") <= 1


def test_waits_follow_from_the_key_and_differ_between_keys():
    assert backoff(5, key="a1") == backoff(5, key="a1")
    assert len({backoff(5, key=f"a{n}") for n in range(100)}) == 100
