"""Reports by members. They take the sealed path: who reported stays masked, and nothing of the text is copied."""

from collections.abc import Iterable

from msgspec import Struct

from models import Cause, Evidence
from policies.rules.base import Case, Finding, Place, Rule
from policies.schema import Span
from policies.state import Deadline

# A group can have this many reports open at once; the oldest gives way.
MOST_OPEN = 50


class ReportParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`about` words the entry: what members are asked to report under this clause.

    `masked`: the policy itself protects the reporter, and the entry says so; nobody is shown either way. `investigate`
    says who looks into it and approves what is published, as wording. `within`: instead of the report itself, that
    nobody stated `handled` in this span is what is found.
    """

    about: str = ""
    masked: bool = False
    investigate: str = ""
    within: Span | None = None
    handled: str = "report_handled"


class ReportIntake(Rule):
    """A member reported something, or a report was not handled in time. Always for a person to look at.

    A statement that one report was handled names it by `ref`; without, it speaks for all that are open. Serves
    `report:intake`, `report:whistleblower`, `case:investigation`, and `sla:response` for reports.
    """

    name = "report.intake"
    Params = ReportParams
    watches = frozenset({"report.filed", "task.stated"})
    needs = "reports filed by members; that they were handled, as a stated fact"

    def see(self, case: Case, params: ReportParams, place: Place) -> Iterable[Finding]:
        seen = case.seen
        if seen.type == "report.filed" and params.within is None:
            yield self._finding(case, params, "收到成员举报", Cause("report", seen.id))
        elif seen.type == "report.filed" and params.within is not None:
            running = place.deadlines(case)
            if len(running) >= MOST_OPEN:
                del case.state.deadlines[min(running, key=lambda one: one.due_at).id]
            due_at = case.calendar.after(case.now, params.within)
            # The report's id only: who filed it is not remembered.
            place.set_deadline(case, subject=case.view.group.id, cause=seen.id, due_at=due_at)
        elif seen.fact and seen.fact.name == params.handled and self._counts(case):
            for one in place.deadlines(case):
                if seen.fact.ref in (None, one.cause):
                    del case.state.deadlines[one.id]

    def _counts(self, case: Case) -> bool:
        """Say whether the statement was taken note of: not everybody may state facts."""
        fact = case.seen.fact
        return fact is not None and bool(case.view.fact(fact.name)) and case.state.stated.get(fact.name) == case.now

    def due(self, case: Case, params: ReportParams, deadline: Deadline) -> Iterable[Finding]:
        yield self._finding(case, params, "成员举报在规定时间内没有处理记录", Cause("deadline", deadline.id))

    def _finding(self, case: Case, params: ReportParams, what: str, cause: Cause) -> Finding:
        about = f"（{params.about}）" if params.about else ""
        by = f"请{params.investigate}核查，结果经批准后公布" if params.investigate else "请核实"
        kept = "举报人受制度保护，不显示、不查问" if params.masked else "举报人信息已隐去"
        return Finding(
            subject=case.group_subject,
            explanation=f"{what}{about}，{by}；{kept}",
            evidence=(Evidence(signal="report", category="report", why="成员举报"),),
            cause=cause,
            category="report",
        )
