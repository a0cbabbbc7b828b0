"""The model card that people read."""

from classifiers.trained.card import Card
from classifiers.trained.evaluate import Comparison


def model_card(card: Card, comparison: Comparison) -> str:
    """`MODEL_CARD.md` of one variant, with the figures of all that it was compared with."""
    is_default = comparison.default == card.variant
    lines = [
        f"# Trained model, variant `{card.variant}`",
        "",
        f"{'The default model.' if is_default else f'Not the default model: that is `{comparison.default}`.'} "
        f"{comparison.because[0].upper()}{comparison.because[1:]}",
        "",
        "Linear models over hashed character n-grams of folded text: a table of numbers, no text, no vocabulary. They",
        "measure and never judge; a pack's budgets say from which score on a message is reviewed or acted on.",
        "",
        "## Sources",
        "",
        "| source | licence | rows | positive examples |",
        "| --- | --- | --- | --- |",
    ]
    for source in card.sources:
        positives = ", ".join(f"{category} {count}" for category, count in source.positives.items()) or "–"
        lines.append(f"| {source.name} | {source.licence} | {source.rows} | {positives} |")
    lines += [
        "",
        "Sources whose licence does not say that they may be passed on are used for the numbers alone; none of their",
        "rows is in this repository. See `docs/models.md` for the papers to cite.",
        "",
        "## Cuts",
        "",
        "The score from which on at most this share of normal messages lies, measured on messages that the scoring",
        "model had not seen.",
        "",
    ]
    shares = sorted({quantile.one_in for head in card.heads for quantile in head.quantiles})
    lines.append("| category | normal messages | " + " | ".join(f"1/{share}" for share in shares) + " |")
    lines.append("| --- | --- |" + " --- |" * len(shares))
    for head in card.heads:
        cuts = {quantile.one_in: f"{quantile.score:.3f}" for quantile in head.quantiles}
        normals = sum(head.normals.values())
        lines.append(f"| {head.category} | {normals} | " + " | ".join(cuts.get(share, "–") for share in shares) + " |")
    largest = max(card.heads, key=lambda head: sum(head.normals.values()))
    lines += [
        "",
        "Normal messages: " + ", ".join(f"{name} {count}" for name, count in largest.normals.items()) + ".",
        "",
        "## Figures",
        "",
        "Recall with its 95 % Wilson interval at the cuts for 1/1000 (review) and 1/10000 (act). *Other rows of it*:",
        "five folds, the model had seen other rows of the source (if the variant may use it). *Nothing of it*: the",
        "whole source was left out.",
        "",
        comparison.markdown(),
    ]
    return "\n".join(lines)
