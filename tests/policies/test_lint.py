"""Lint works like a compiler: every mistake at once, with place and hint."""

from itertools import pairwise
from pathlib import Path

import pytest

from policies.lint import PackError, lint, load_pack, shipped_packs

TEN_MISTAKES = """\
pack: My Office
titel: 办公室群规
source: {document: null}
status: {stage: adoptd}
budgets: {adz: {review: 1/1000}}
ladders:
  adverts: {rungs: [{strikes: 2, sanction: warn}, {strikes: 1, sanction: kick}]}
clauses:
  office-1:
    article: 第一条
    says: 不发广告
    bindings:
      - {rule: content.categroy, with: {category: ads}, mode: automatic, ladder: adverts}
      - {rule: content.category, with: {category: rumour}, mode: automatic, ladder: advert}
      - {rule: group.name, with: {pattern: "(?=a)b"}, mode: assisted}
  office-2: {article: 第二条, says: 自律, mode: out-of-scope}
  office-3: {article: 第三条, says: 无规则, bindings: [{mode: automatic}]}
"""


def test_all_mistakes_are_reported_at_once_with_place_and_hint():
    pack, problems = lint(TEN_MISTAKES, "packs/office.yaml")
    assert pack is None
    assert [str(one) for one in problems] == Path(__file__).with_name("ten_mistakes.txt").read_text().splitlines()
    assert len(problems) >= 10


@pytest.mark.parametrize("slug", sorted(shipped_packs()))
def test_shipped_packs_have_no_mistakes(slug: str):
    load_pack(shipped_packs()[slug])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a pack is a mapping"),
        ("[1, 2]", "a pack is a mapping"),
        ("pack: [", "not YAML"),
        (
            "a: &a [x, x]\n" + "".join(f"{k}: &{k} [{', '.join(['*' + j] * 9)}]\n" for j, k in pairwise("abcdefghi")),
            "values",
        ),
        ("a: &a [*a]", "nested deeper"),
        ("\x00", "not YAML"),
        ("pack: x\npack: y", "stands here twice"),
        ("{" * 300 + "}" * 300, "nested deeper"),
    ],
)
def test_what_is_no_pack_gets_one_clear_sentence(text: str, told: str):
    pack, problems = lint(text, "x.yaml")
    assert pack is None
    assert told in "\n".join(map(str, problems))


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_bytes("pack: 办公室".encode("gb18030"))
    with pytest.raises(PackError, match="not UTF-8"):
        load_pack(path)


def test_judgements_that_need_a_person_cannot_be_made_automatic():
    text = TEN_MISTAKES.replace("category: ads", "category: leak")
    assert any("never judged automatically" in str(one) for one in lint(text, "x.yaml")[1])
