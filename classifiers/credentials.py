"""Passwords and keys: what opens something to whoever reads it.

A word about passwords is none: there has to be a value beside it, or a key that shows by its form what it is. What is told to
all on purpose (a meeting's password, the wireless one) does not count, nor what only keeps the place of a value.
"""

import re
from collections.abc import Iterator

import re2

from classifiers.lazy import lazy

CATEGORY = "credential"

_compile = lazy(re.compile)
_compile_re2 = lazy(re2.compile)

# Code points of a text that are read.
_READ = 20_000
# Each text with a credential has one of these. Latin ones alone need eleven letters and digits, as `patterns.to_read` counts.
_LABELLED = _compile("密[码碼钥匙]|口令|授权码|[账帐]密")
_MAY_UNLOCK = _compile_re2(
    "passw|pwd|secret|token|key|akia|asia|akid|ltai|gh[pousr]_|github_pat|glpat-|xox[abprs]-|sk-|eyj"
)
_ELEVEN_SIGNS = _compile("[0-9a-z](?:[^0-9a-z]*[0-9a-z]){10}")
# Keys of well-known makers, private keys, signed tokens.
_KEY = _compile_re2(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bLTAI[0-9A-Za-z]{12,26}\b"
    r"|\bAKID[0-9A-Za-z]{16,36}\b|\bgh[pousr]_[0-9A-Za-z]{30,80}\b|\bgithub_pat_[0-9A-Za-z_]{20,90}\b"
    r"|\bglpat-[0-9A-Za-z_\-]{20}|\bxox[abprs]-[0-9A-Za-z\-]{10,80}|\bsk-[0-9A-Za-z_\-]{20,200}"
    r"|\beyJ[0-9A-Za-z_\-]{10,}\.eyJ[0-9A-Za-z_\-]{6,}\.[0-9A-Za-z_\-]{10,}"
)
_CONNECTION = _compile_re2(
    r"(?i)\b[a-z][a-z0-9+.]{1,19}://[^\s:/@<>{}$*\p{Han}]{0,64}:([^\s/@<>{}$*\p{Han}]{3,64})@[0-9a-z]"
)
# A long value behind the word for a key.
_NAMED_KEY = _compile_re2(
    r"(?i)(?:secret|api_?key|access_?key|access_?token|token|密[钥匙]|秘钥|私钥|\b[as]k|\bkey)[a-z_ ]{0,16}[\"'”]?"
    r"\s{0,3}(?:[:：=]|是|为)\s{0,3}[\"'“]?([0-9a-z+/_\-.~]{16,128})"
)
# A password with the word for it: signs of Latin keyboards, at least one of them a digit or a mark.
_PASSWORD = _compile_re2(
    r"(?i)(?:密[码碼]|口令|授权码|[账帐]密|password|passwd|pwd)(?:[全都统一现在就也还我们科改室]{0,6}(?:是|为|改成了?|改为|换成了?|设[成为]))?"
    r"[\s:：=\"“']{0,4}(?:[a-z0-9_]{1,20}\s?/\s)?([!-~]{4,40})"
)
_MAIL_CODE = _compile_re2(r"授权码[是为：:\s]{0,3}([a-z]{16})(?:[^a-z]|$)")
# Passwords that are made to be told to a group.
_TOLD_TO_ALL = _compile_re2(
    r"(?i)(?:会议|wi-?fi|无线|网络|热点|门禁|门锁|解压|压缩包|文件|文档|网盘|链接|入会|直播|初始|默认)的?(?:号|密码)?[\s:：#0-9\-,，]*$"
    r"|(?:wi-?fi|无线|热点)(?:名称?)?[\s:：]{1,3}[0-9A-Za-z_\-]{1,20}[\s,，、/]*$"
)
# What keeps the place of a value, or names how values are kept.
_NO_VALUE = _compile_re2(
    r"(?i)^(?:<|>|\$|\{|%|your|change_?me|example|sample|placeholder|x{3,}|sha-?[0-9]|md5|bcrypt|aes|rsa|base64|utf-?8|oauth|https?:|env\.|process\.)"
)
_QUOTES = "\"'”’,;.)]}"

Span = tuple[int, int]


def find_credentials(text: str, folded: str) -> Iterator[tuple[Span, str]]:
    """Where passwords and keys are told in a text, without their values, and what each is, in Chinese."""
    labelled = ("密" in folded or "口令" in folded or "授权码" in folded) and _LABELLED.search(folded)
    if not labelled:
        may = ("://" in text and "@" in text) or _MAY_UNLOCK.search(folded[:_READ])
        if not may or not _ELEVEN_SIGNS.search(folded):
            return
    read = text[:_READ].encode("utf-8", "replace").decode()
    for found in _KEY.finditer(read):
        yield (found.start(), min(found.end(), found.start() + 5)), "密钥"
    for found in _CONNECTION.finditer(read):
        if _is_value(found.group(1)):
            yield (found.start(), found.start(1)), "带密码的连接串"
    for found in _NAMED_KEY.finditer(read):
        value = found.group(1)
        if _is_value(value) and any(map(str.isdigit, value)) and any(map(str.isalpha, value)):
            yield (found.start(), found.start(1)), "密钥"
    for found in _MAIL_CODE.finditer(read):
        yield (found.start(), found.start(1)), "授权码"
    for found in _PASSWORD.finditer(read):
        before = read[max(0, found.start() - 24) : found.start()]
        if _is_value(found.group(1)) and not _TOLD_TO_ALL.search(before):
            yield (found.start(), found.start(1)), "账号密码"


def _is_value(written: str) -> bool:
    """Say whether a value is told: neither a word nor a placeholder."""
    value = written.strip(_QUOTES)
    return len(set(value)) > 1 and not value.isalpha() and any(map(str.isalnum, value)) and not _NO_VALUE.search(value)
