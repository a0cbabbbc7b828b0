"""A list of articles, as text or Markdown, numbered as policies are: 第一条, 一、, （一）, 1., (1), ①, in any nesting."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# The ways of numbering, from the widest to the narrowest. A chapter is a heading and never a clause.
_NUMBER = r"[一二三四五六七八九十百零〇两\d０-９]+"
_MARKS = tuple(
    re.compile(one)
    for one in (
        rf"(?P<label>第{_NUMBER}[章节编篇])[\s　、:：]*",
        rf"(?P<label>第{_NUMBER}条(?:之{_NUMBER})?)[\s　、:：]*",
        r"(?P<label>[一二三四五六七八九十百]+)[、．.][\s　]*",
        r"(?P<label>[（(][一二三四五六七八九十百]+[)）])[\s　、]*",
        r"(?P<label>[\d０-９]+)(?:[、．.]|[)）])(?!\d)[\s　]*",
        r"(?P<label>[\d０-９]+(?:[.．][\d０-９]+)+)[、．.]?[\s　]+",
        r"(?P<label>[（(][\d０-９]+[)）])[\s　、]*",
        r"(?P<label>[①-⑳])[\s　、]*",
        r"(?P<label>[-*•·])\s+",
    )
)
_CHAPTER, _BULLET = 0, len(_MARKS) - 1
_HEADING = re.compile(r"^#{1,6}\s*")
_EMPHASIS = re.compile(r"\*\*|__|`")
# A heading without a number that is not the text of an article: at most this long and without a full stop.
_LONGEST_HEADING = 16


@dataclass(frozen=True)
class Article:
    """The smallest numbered part: its label with those above it (第三条（一）2), the top-level article it lies in (from 1),
    its number there (from 1), and its words."""

    label: str
    article: int
    number: int
    text: str


@dataclass
class _Part:
    """A numbered part in the order of the text; `path` are the labels of those above it and its own."""

    level: int
    path: tuple[str, ...]
    article: int
    text: str
    has_parts: bool = False


def read_articles(lines: Iterable[str]) -> list[Article]:
    """Read a policy line by line; a line without a number goes on with the part before it.

    What stands before the first number is left out: a title, who issues it. A part that only introduces others
    (禁止发布下列内容：) is no article of its own; its words stand before theirs. Empty where nothing is numbered.
    """
    counted: dict[int, int] = {}
    leads: dict[tuple[str, ...], str] = {}
    found: list[Article] = []
    for part in _parts(lines):
        lead = leads.get(part.path[:-1], "")
        introduces = part.has_parts and _introduces(part.text)
        leads[part.path] = lead + part.text if introduces and part.text.endswith((":", "：")) else lead
        if introduces or not part.text:
            continue
        counted[part.article] = counted.get(part.article, 0) + 1
        found.append(Article("".join(part.path), part.article, counted[part.article], lead + part.text))
    return found


def _parts(lines: Iterable[str]) -> list[_Part]:
    found: list[_Part] = []
    stack: list[_Part] = []
    section = ""
    for line in lines:
        text = _EMPHASIS.sub("", _HEADING.sub("", line.strip())).strip()
        level, label, rest = _numbered(text)
        if level == _CHAPTER or (level is None and line.lstrip().startswith("#")):
            # Sections of Markdown number anew, chapters do not.
            is_title = line.startswith("# ") and not found
            stack, section = [], "" if level == _CHAPTER or is_title else f"{text} "
        elif level is None:
            if stack and text:
                # A short heading goes on with its text below; any other line is only wrapped.
                join = "：" if _introduces(stack[-1].text) and stack[-1].text.isalnum() else ""
                stack[-1].text += join + text
        else:
            while stack and stack[-1].level >= level:
                stack.pop()
            above = stack[-1].path if stack else (section,)
            if level == _BULLET:
                label = f"第{1 + sum(one.path[:-1] == above for one in found)}项"
            if stack:
                stack[-1].has_parts = True
            article = stack[0].article if stack else 1 + max((one.article for one in found), default=0)
            stack.append(_Part(level, (*above, label), article, rest))
            found.append(stack[-1])
    return found


def _numbered(text: str) -> tuple[int | None, str, str]:
    for level, mark in enumerate(_MARKS):
        if found := mark.match(text):
            return level, found["label"], text[found.end() :].strip()
    return None, "", text


def _introduces(text: str) -> bool:
    """Whether a part with others in it says nothing by itself: a heading, or words that end in a colon."""
    return text.endswith((":", "：")) or (len(text) <= _LONGEST_HEADING and not text.endswith(("。", ".", "；", ";")))
