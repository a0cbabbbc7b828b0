"""What a disguised message reads as: split characters put together, sound-alikes as the listed word that they sound like.

Such a reading is only one of several: 佳维新 may be a company. So it is measured beside the message, and what is found in
it alone counts as a weak word or as a trained score, never as a strong word.
"""

from classifiers.decoding.readings import Reader, Reading

__all__ = ["Reader", "Reading"]
