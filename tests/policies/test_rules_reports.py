"""Reports by members take the sealed path."""

import msgspec
from cases import House, found


def test_a_report_is_for_a_person_and_shows_neither_who_nor_what() -> None:
    case = House().sees("老马一直在群里卖酒", type="report.filed", by="member", target="guest")
    [finding] = found("report.intake", case, about="群内无关人员")
    told = msgspec.json.encode([finding.explanation, finding.evidence, finding.subject]).decode()
    assert "群内无关人员" in told
    for hidden in ("member", "陈志强", "guest", "卖酒"):
        assert hidden not in told


def test_every_report_is_its_own() -> None:
    house = House()
    causes = [
        one.cause.id
        for _ in range(2)
        for one in found("report.intake", house.sees("有人发广告", type="report.filed"))
        if one.cause
    ]
    assert causes == ["m1", "m2"]
