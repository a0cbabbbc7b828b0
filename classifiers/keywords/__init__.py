"""All word lists at once: folded text in, hits out.

`lists/*.yaml` are the product's own; a tenant's lists come from further directories and may add words, allow words of
the product's lists, or bring categories of their own (politics, ethnicity and religion are always the tenant's own).
"""

from classifiers.keywords.lists import PRODUCT_LISTS, ListError, Strength, Word, WordList, fold_words, load_lists
from classifiers.keywords.matching import Hit, Keywords
from classifiers.keywords.mentions import is_mention

__all__ = [
    "PRODUCT_LISTS",
    "Hit",
    "Keywords",
    "ListError",
    "Strength",
    "Word",
    "WordList",
    "fold_words",
    "is_mention",
    "load_lists",
]
