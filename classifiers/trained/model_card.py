"""The model card that people read."""

from pathlib import Path

import msgspec

from classifiers.trained.card import Card, Recall
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
        *_cuts(card),
    ]
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


def _cuts(card: Card) -> list[str]:
    lines = [
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
        counted = [(head.category, sum(head.normals.values()), head.quantiles)]
        if head.recent:
            counted.append((f"{head.category}, own recent", head.recent.normals, head.recent.quantiles))
        for name, normals, quantiles in counted:
            cuts = {quantile.one_in: f"{quantile.score:.3f}" for quantile in quantiles}
            lines.append(f"| {name} | {normals} | " + " | ".join(cuts.get(share, "–") for share in shares) + " |")
    return lines


def write_card(card: Card, out_dir: Path) -> None:
    """Write `card.json` and `MODEL_CARD.md` of weights that were changed or whose cuts were counted anew for a tenant."""
    (out_dir / "card.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (out_dir / "MODEL_CARD.md").write_text(taught_card(card), encoding="utf-8")


def taught_card(card: Card) -> str:
    """`MODEL_CARD.md` of weights that learned from a team's labels, or whose cuts were counted on its own messages."""
    lines = [f"# Trained model, variant `{card.variant}`", ""]
    if card.taught is not None:
        taught = card.taught
        lines += [
            f"The weights of version `{taught.base}` with what the labels of {taught.reviewers} people changed. Data: "
            f"`{taught.data}`.",
            "",
            "## Labels",
            "",
            "| category | offence | normal |",
            "| --- | --- | --- |",
            *(f"| {name} | {one['offence']} | {one['normal']} |" for name, one in taught.labels.items()),
            "",
            "## Guards",
            "",
            "| category | guard | labels before | after | |",
            "| --- | --- | --- | --- | --- |",
            *(f"| {one.category} | {one.name} | {one.given} | {one.kept} | {one.told} |" for one in taught.guards),
            "",
            "## What changed",
            "",
            "Shares at the cut for 1/1000 (review) with 95 % Wilson intervals, each text by a change that had not seen it.",
            f"Before: version `{taught.before or taught.base}`, which may have learned from these labels.",
            "The weights below the change had seen the own texts, so these say only whether the change harms them.",
            "",
            "| category | texts | before | after |",
            "| --- | --- | --- | --- |",
            *(f"| {one.category} | {one.of} | {_told(one.before)} | {_told(one.after)} |" for one in taught.effects),
            "",
        ]
    return "\n".join([*lines, *_cuts(card), ""])


def _told(recall: Recall) -> str:
    return f"{recall.share:.3f} ({recall.low:.3f}–{recall.high:.3f}) of {recall.positives}" if recall.positives else "–"
