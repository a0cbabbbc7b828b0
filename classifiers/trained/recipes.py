"""How each category is learned: its experts, what each of them learns from, and how far it is trusted.

One linear model cannot be at home in a work group, among spam messages and in a forum at once: what makes it better in one
place makes it worse in another. So some categories have several, and the surest speaks. By figures, see docs/detection.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from classifiers.trained.rows import FULL, OWN


@dataclass(frozen=True)
class Recipe:
    """One expert: what a row of each source weighs, 1 for those not named, and the inverse strength of the ridge.

    `needs`: at least one of these sources has to be there. `yields`: by how much it has to be surer than the others, in
    the distance between the cuts for 1 in 50 and for 1 in 1000 normal messages.
    """

    name: str
    weights: Mapping[str, float]
    C: float
    needs: tuple[str, ...] = ()
    yields: float = 0.0


# Work groups are the product's domain, and only the project's own texts come from there; the others teach what it lacks
# but must not outvote it. By figures on own texts and on the sources at once, see docs/models.md.
_WORK = {
    OWN: 20.0,
    "cold": 0.1,
    "swsr": 0.1,
    "tgspam_zh": 0.2,
    "fbs_sms": 0.2,
    "sms10k": 0.2,
    "stoneskipping": 0.2,
    "ced": 0.2,
    "nus_sms_en": 0.3,
}
WORK = Recipe("work", _WORK, C=0.5)

_RECIPES = {
    "ads": (
        WORK,
        Recipe("spam", {}, C=2.0, needs=("tgspam_zh", "sms10k", "fbs_sms", "qqgroup"), yields=0.15),
    ),
    "abuse": (
        Recipe("work", _WORK | {"stoneskipping": 0.0}, C=0.5),
        Recipe("forums", {"stoneskipping": 0.0}, C=0.5, needs=("cold", "swsr"), yields=0.2),
        Recipe("reviews", {"cold": 0.0, "swsr": 0.0}, C=1.0, needs=("stoneskipping",), yields=0.2),
    ),
    # Its cut is counted on work talk alone, so the rest may teach words but hardly where the border runs.
    "quarrel": (Recipe("work", dict.fromkeys(FULL, 0.1) | {OWN: 20.0}, C=4.0),),
}


def recipes(category: str) -> tuple[Recipe, ...]:
    """The experts of a category, the one for work groups among them."""
    return _RECIPES.get(category, (WORK,))
