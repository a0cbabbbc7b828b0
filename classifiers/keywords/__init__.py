"""All word lists at once: folded text in, hits out.

`lists/*.yaml` are the product's own; a tenant's lists come from further directories and may add words, allow words of
the product's lists, or bring categories of their own (politics, ethnicity and religion are always the tenant's own).
"""

from classifiers.keywords.lists import (
    PRODUCT_LISTS,
    ListError,
    Strength,
    Word,
    WordList,
    fold_words,
    in_force,
    is_category,
    load_lists,
    moment,
    read_list,
    unfit,
    written_list,
)
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
    "in_force",
    "is_category",
    "is_mention",
    "load_lists",
    "moment",
    "read_list",
    "unfit",
    "written_list",
]
