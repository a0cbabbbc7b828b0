"""`xunqun` with things that break, each with the words of a message in the text of its error. For tests of the log."""

from connectors.simulated import SimulatedActuator
from streams.agents.screen import Screen
from streams.cli import main

BREAKS = "规则坏了"


def _break_rules() -> None:
    judge = Screen._judge_one

    def judge_one(self, effects, record, case, *given):
        if BREAKS in (case.seen.text or ""):
            raise ValueError(f"cannot judge {case.seen.text} of {case.seen.sender}")
        judge(self, effects, record, case, *given)

    Screen._judge_one = judge_one


def _break_first_call() -> None:
    send = SimulatedActuator.send
    tried = set()

    async def send_one(self, action):
        if action.id not in tried:
            tried.add(action.id)
            raise RuntimeError(f"no answer to {action.params}")
        return await send(self, action)

    SimulatedActuator.send = send_one


if __name__ == "__main__":
    _break_rules()
    _break_first_call()
    main()
