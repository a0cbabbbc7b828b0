"""How good a pack's tests are: would they notice if a clause judged nothing, and do they only look for words?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from classifiers.measure import Classifiers
from policies.coverage import cover
from policies.judge import CompiledPack
from policies.rules.consequence import allowed_by
from policies.schema import Pack
from streams.packtest import Prepared, compiled, measure, prepare, run


@dataclass(frozen=True)
class Measured:
    """What is wanting in a pack's tests, by clause. `unmissed`: unbound, no case fails; `unbroken`: no case breaks it;
    `without_near`: none only looks like it. `with_words` of the `breaking` cases hold a word of the lists."""

    unmissed: tuple[str, ...]
    unbroken: tuple[str, ...]
    without_near: tuple[str, ...]
    breaking: int
    with_words: int

    @property
    def holds(self) -> bool:
        return not (self.unmissed or self.unbroken or self.without_near or self.knows_only_words)

    @property
    def knows_only_words(self) -> bool:
        """Half of the breaking cases or more are found by words alone, for all that is known."""
        return self.breaking > 0 and 2 * self.with_words >= self.breaking


def measured(pack: Pack, packs: Mapping[str, Pack], classifiers: Classifiers) -> Measured:
    """Unbind each clause that judges, one after another, and see whether a case of the pack fails then."""
    tests = prepare(pack)
    whole = compiled(pack, packs)
    measure(tests, whole, classifiers)
    holding = [one for one in tests if not run(one, whole, classifiers)]
    clauses = list(judging(pack))
    following = [one for one in consequences(pack) if one not in clauses]
    broken = {clause for one in holding if one.case for clause in one.case.breaks}
    near = {clause for one in holding if one.case for clause in one.case.near}
    breaking = [one for one in tests if one.case and one.case.breaks]
    return Measured(
        unmissed=tuple(one for one in (*clauses, *following) if not _is_missed(one, pack, whole, holding, classifiers)),
        unbroken=tuple(one for one in clauses if one not in broken),
        without_near=tuple(one for one in clauses if one not in near),
        breaking=len(breaking),
        with_words=sum(map(_holds_word, breaking)),
    )


def judging(pack: Pack) -> Iterator[str]:
    """The clauses that find something by themselves: neither reasoned, nor blind, nor a mere consequence of others."""
    yield from dict.fromkeys(row.clause for row in cover(pack) if row.state == "live" and row.rule != "consequence")


def consequences(pack: Pack) -> Iterator[str]:
    """The clauses that let something follow the breach of others, or offer it to the person who decides."""
    yield from dict.fromkeys(one.clause for some in allowed_by(pack).values() for one in some if one.params.kinds)


def _is_missed(
    clause: str, pack: Pack, whole: Mapping[str, CompiledPack], holding: Sequence[Prepared], classifiers: Classifiers
) -> bool:
    unbound = msgspec.structs.replace(pack.clauses[clause], bindings=())
    without = msgspec.structs.replace(pack, clauses={**pack.clauses, clause: unbound})
    packs = {**whole, pack.pack: CompiledPack(without)}
    # Those that name the clause are likely to fail: with them first, few others have to run.
    likely = sorted(holding, key=lambda one: one.case is None or clause not in one.case.breaks | one.case.brings)
    return any(run(one, packs, classifiers) for one in likely)


def _holds_word(test: Prepared) -> bool:
    """Whether any of its messages holds a word of the lists. Its observations have been measured."""
    signals = [signal for one in test.records if one.measured for signal in one.measured[0]]
    return any(signal.classifier.startswith("keywords@") for signal in signals)
