"""Trial: what would have happened if Xunqun had moderated these groups. One page for people, nothing is sent."""

from streams.trial.data import Trial
from streams.trial.gather import run_trial
from streams.trial.page import render

__all__ = ["Trial", "render", "run_trial"]
