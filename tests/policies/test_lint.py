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


def problems_of(*bindings: str, ladders: str = "", more: str = "") -> list[str]:
    """What lint says of a pack whose second clause has these bindings."""
    head = "pack: office\ntitle: 办公室群规\nsource: {document: null}\nstatus: {stage: adopted}\n"
    ads = "- {rule: content.category, with: {category: ads}, mode: assisted}"
    first = f"  office-1:\n    article: 第一条\n    says: 不发广告\n    bindings:\n      {ads}\n"
    second = "  office-2:\n    article: 第二条\n    says: 处罚\n    bindings:\n" + "".join(
        f"      - {{{one}}}\n" for one in bindings
    )
    return [str(one) for one in lint(f"{head}{more}{ladders}clauses:\n{first}{second}", "office.yaml")[1]]


FINE = "rule: consequence, with: {of: [office-1], fine: {amount_fen: 2000, payer: subject}}, mode: assisted"


def test_a_consequence_that_says_all_has_no_mistakes():
    assert problems_of(FINE) == []
    assert problems_of(FINE.replace("subject", "信息中心责任人")) == []
    assert problems_of(FINE.replace("payer: subject", "payer: null")) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("amount_fen: 2000, payer: subject", "amount_fen: 2000"), 'lacks the key "payer"'),
        (("payer: subject", "payer: ownr"), "did you mean owner?"),
        (("office-1", "office-9"), 'there is no clause "office-9"'),
        (("mode: assisted", "mode: automatic"), "a fine is never automatic"),
        (("amount_fen: 2000", "amount_fen: 2000, least_fen: 5"), "either amount_fen or bounds"),
        (("amount_fen: 2000", "least_fen: 9, most_fen: 5"), "least_fen is more than most_fen"),
        (("amount_fen", "amount_fn"), "did you mean amount_fen?"),
        (("of: [office-1]", "of: [office-1], together: office-8"), 'there is no clause "office-8"'),
        (("of: [office-1]", "of: [office-1], options: [wran]"), "did you mean warn?"),
        (("rule: consequence", "rule: consequense"), "did you mean consequence?"),
    ],
)
def test_a_consequence_says_who_pays_and_what_it_follows(change: tuple[str, str], told: str):
    found = problems_of(FINE.replace(*change))
    assert len(found) == 1
    assert told in found[0]


def test_a_fine_that_a_ladder_brings_has_its_terms_in_the_clause_it_rests_on():
    uses = "rule: content.category, with: {category: ads}, mode: automatic, ladder: out"
    ladders = "ladders: {out: {rungs: [{strikes: 1, sanction: fine}]}}\n"
    assert "does not say what the fine is" in problems_of(uses, ladders=ladders)[0]
    assert problems_of(uses, FINE, ladders=ladders) == []
    elsewhere = ladders.replace("sanction: fine", "sanction: fine, clause: office-3")
    assert any('there is no clause "office-3"' in one for one in problems_of(uses, ladders=elsewhere))
    response = "rule: registry.approval, mode: automatic, response: {sanction: fine}"
    assert "does not say what the fine is" in problems_of(response)[0]


def test_a_picked_fine_needs_its_terms():
    assert (
        "a fine needs its terms"
        in problems_of("rule: consequence, with: {by: review, options: [fine]}, mode: assisted")[0]
    )


def test_an_unknown_profile_is_a_mistake():
    assert "profile" in problems_of(FINE, more="profile: goverment\n")[0]
