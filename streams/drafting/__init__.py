"""Starts a pack from a list of articles: each becomes a clause with suggested bindings and first tests, all to be checked."""

from streams.drafting.articles import Article, read_articles
from streams.drafting.draft import draft

__all__ = ["Article", "draft", "read_articles"]
