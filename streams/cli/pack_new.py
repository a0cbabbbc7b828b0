"""`xunqun pack new`: the first text of a pack of one's own."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli.output import Failure, console, print_json

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")


def new(
    slug: Annotated[str, typer.Argument(help="Short name: small letters, digits and hyphens, e.g. acme.")],
    title: Annotated[str, typer.Option("--title", help="What the policy is called.")],
    articles: Annotated[Path, typer.Option("--articles", help="Its articles, numbered, as text or Markdown.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; SLUG.yaml here if left out.")] = None,
    organisation: Annotated[str | None, typer.Option("--organisation", help="Whose policy it is.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="A type of group; may be given again.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Start a pack from a list of articles: each becomes a clause with suggested bindings and first tests.

    Suggestions are guessed from words and marked 建议. The pack is a draft: it passes lint, its tests hold, and nothing but
    drafts would leave under it. See docs/write-a-pack.md.
    """
    from connectors.imports import ImportFailed
    from connectors.imports.source import Source
    from policies.coverage import cover, figures
    from policies.lint import lint, load_packs, shipped_packs
    from streams.drafting import draft, read_articles
    from streams.loading import classifiers_from
    from streams.packtest import test_pack

    file = out or Path(f"{slug}.yaml")
    if not _SLUG.fullmatch(slug):
        raise Failure(f'"{slug}" is no slug: small letters, digits and hyphens, e.g. my-office')
    if slug in shipped_packs():
        raise Failure(f'there is a pack "{slug}" already; it would be replaced: choose another slug')
    if file.exists():
        raise Failure(f"{file} is there already: name another file with --out, or move it away")
    if not articles.is_file():
        raise Failure(f"{articles}: there is no such file; save the articles as text or Markdown")
    try:
        found = read_articles(line for _, line in Source(articles).lines())
    except (ImportFailed, OSError) as error:
        raise Failure(str(error)) from error
    if not found:
        raise Failure(f"{articles}: no numbered article was found; begin each with 第一条, 一、, （一） or 1.")
    told: dict[str, Any] = {"organisation": organisation, "types": types or ()}
    text = draft(slug, title, found, **told)
    pack, problems = lint(text, str(file))
    if pack is None:
        raise Failure("the draft does not hold:\n" + "\n".join(map(str, problems)), code=1)
    # Where articles overlap, the example of one may break another: such a test would only be in the way.
    failing = {one.name for one in test_pack(pack, load_packs(), classifiers_from()) if one.wrong}
    if failing:
        text = draft(slug, title, found, **told, without=failing)
        pack = lint(text, str(file))[0] or pack
    file.write_text(text, encoding="utf-8")
    count = figures(cover(pack))
    if json:
        print_json({"file": str(file), "clauses": len(pack.clauses), "tests": len(pack.tests), **count})
        return
    shown = f"{len(pack.clauses)} clauses ({count['live'] + count['blind']} bound, {count['reasoned']} reasoned)"
    console.print(f"written to {file}: {shown}, {len(pack.tests)} tests", markup=False)
    console.print(f"now check what is marked 建议, then: xunqun pack test {file}", markup=False)
