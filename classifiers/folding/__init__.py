"""Text to folded text, with the way back to every original code point, over a whole batch at once.

`fold` undoes what hides a word without changing it for a reader: width, case, traditional characters, accents, letters of
other scripts that look like Latin ones (ν信), invisible code points, signs between characters, repetition. Keywords and the
trained model read folded text; evidence points into the original, through `span`.

What stands for another character only sometimes (加薇, 亻言, 一三八) is not here: `classifiers/decoding` and
`classifiers/contacts.py` guess, so what they find stays apart from what was written.
"""

from classifiers.folding.fold import Folded, FoldedBatch, fold, fold_batch

__all__ = ["Folded", "FoldedBatch", "fold", "fold_batch"]
