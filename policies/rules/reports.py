"""Reports by members. They take the sealed path: who reported stays masked, and nothing of the text is copied."""

from collections.abc import Iterable

from msgspec import Struct

from models import Cause, Evidence
from policies.rules.base import Case, Finding, Place, Rule


class ReportParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`about` words the entry: what members are asked to report under this clause."""

    about: str = ""


class ReportIntake(Rule):
    """A member reported something. Always for a person to look at. Serves `report:intake`."""

    name = "report.intake"
    Params = ReportParams
    watches = frozenset({"report.filed"})
    needs = "reports filed by members"

    def see(self, case: Case, params: ReportParams, place: Place) -> Iterable[Finding]:
        about = f"（{params.about}）" if params.about else ""
        yield Finding(
            subject=case.group_subject,
            explanation=f"收到成员举报{about}，请核实；举报人信息已隐去",
            evidence=(Evidence(signal="report", category="report", why="成员举报"),),
            cause=Cause("report", case.seen.id),
            category="report",
        )
