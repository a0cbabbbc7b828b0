"""Text to folded text, with the way back to every original code point, over a whole batch at once.

`fold` undoes what hides a word without changing it for a reader: width, case, traditional characters, accents,
invisible code points, signs between characters, repetition. Keywords and the trained model read folded text; evidence
points into the original, through `span`.

Homophones, look-alikes and split characters (加薇, ν信, 亻言) are not here. They come as further modules of this
package, each applied after this one to a `FoldedBatch`: they guess, so what they find must stay apart from what was
written.
"""

from classifiers.folding.fold import Folded, FoldedBatch, fold, fold_batch

__all__ = ["Folded", "FoldedBatch", "fold", "fold_batch"]
