"""One self-contained page of what packs cover."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from policies.coverage import STANDINGS as STATES
from policies.coverage import cover, figures
from policies.schema import Pack
from streams.pages.words import MODES, STAGES, STANDINGS, follows, looked_at


def as_html(packs: Sequence[Pack]) -> str:
    """A page that asks for nothing from elsewhere and runs no script."""
    shown = [
        {
            "slug": pack.pack,
            "title": pack.title,
            "stage": STAGES[pack.status.stage],
            "figures": figures(cover(pack)),
            "rows": list(_rows(pack)),
        }
        for pack in packs
    ]
    total = {one: sum(each["figures"][one] for each in shown) for one in STATES}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(files("streams.pages").joinpath("coverage.html.j2").read_text("utf-8"))
    # The look of the page of a trial: one style for all that we hand out.
    style = Markup(files("streams.trial").joinpath("page.css.j2").read_text("utf-8"))
    return template.render(packs=shown, total=total, style=style)


def _rows(pack: Pack) -> Iterator[dict[str, Any]]:
    parts = iter(cover(pack))
    for clause_id, clause in pack.clauses.items():
        for binding in clause.bindings or (None,):
            row = next(parts)
            told = follows(binding, pack) if binding else ""
            yield {
                "clause": clause_id,
                "article": clause.article,
                "says": clause.says,
                "standing": STANDINGS[row.state],
                "mode": MODES.get(row.mode, row.mode),
                "looked_at": looked_at(binding) if binding else "",
                "told": "。".join(one for one in (told, row.reason) if one),
                "note": row.note if row.state == "blind" else "",
            }
