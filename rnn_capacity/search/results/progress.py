"""How far a search is, as people see it while it runs."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import NamedTuple

from tqdm import tqdm

from rnn_capacity.formatting import format_value
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import listed
from rnn_capacity.studies import Snapshot

LOOK_EVERY = 1.0
"""Seconds between two looks into the storage, at least."""

LINE_EVERY = 30.0
"""Seconds between two lines of a log file."""

SHARE = 0.05
"""Most of the time that looking may take."""


class State(NamedTuple):
    """A study as the storage had it last."""

    snapshot: Snapshot
    best: str
    point: str


class Progress:
    """Bars of trials and steps with the best trial's hyperparameters below them on a terminal; lines in a log file.

    Of several workers the steps are the first's: all are about as fast.

    Args:
        searches: The studies.
        shown: Whether anything is shown; what is said is shown all the same.
    """

    def __init__(self, searches: list[StudyRunner], shown: bool) -> None:
        self.searches = searches
        self.states = {search.study.name: state_of(search) for search in searches}
        self.terminal = shown and sys.stderr.isatty()
        self.shown = shown
        self.started = self.looked = self.told = time.monotonic()
        self.pause = LOOK_EVERY
        self.first = self.finished
        self.trained = ""
        self.made = self.steps_asked = 0
        self.total = sum(search.total for search in searches)
        bar = partial(tqdm, disable=not self.terminal, dynamic_ncols=True)
        self.trials = bar(total=self.total, initial=self.first, unit="trial", smoothing=0)
        self.steps_made = bar(position=1, leave=False, unit="step")
        self.point = bar(position=2, leave=False, bar_format="{desc}")

    @property
    def finished(self) -> int:
        """Finished trials of all studies."""
        return sum(min(len(self.states[search.study.name].snapshot.finished), search.total) for search in self.searches)

    def look(self, search: StudyRunner, *, now: bool = False) -> None:
        """Read a study's state if the last look is some time ago, and show it."""
        begin = time.monotonic()
        if not now and begin - self.looked < self.pause:
            return
        self.states[search.study.name] = state_of(search)
        self.looked = time.monotonic()
        self.pause = max(LOOK_EVERY, (self.looked - begin) / SHARE)
        if self.terminal:
            self.trials.set_description_str(search.study.name, refresh=False)
            self.trials.set_postfix_str(self.text(search), refresh=False)
            self.trials.update(self.finished - self.trials.n)
            self.trials.refresh()
            self.point.set_description_str(self.states[search.study.name].point)
        elif self.shown and (now or self.looked - self.told > LINE_EVERY):
            self.told = self.looked
            done = f"{self.finished} of {self.total} trials"
            point = self.states[search.study.name].point
            self.say(f"{search.study.name}: {done}{self.left}, {self.text(search)}{point and f' ({point})'}")

    @property
    def left(self) -> str:
        """The time left in words, if it is known."""
        made = self.finished - self.first
        missing = self.total - self.finished
        if not made or not missing:
            return ""
        return f", {tqdm.format_interval((time.monotonic() - self.started) / made * missing)} left"

    def text(self, search: StudyRunner) -> str:
        """What runs, what diverged, and the best so far."""
        snapshot, best, _ = self.states[search.study.name]
        running = len(snapshot.running)
        infeasible = len(snapshot.infeasible) / max(1, len(snapshot.finished))
        at = ""
        if not self.terminal and running and self.made and self.trained == search.study.name:
            at = f" at step {self.made:,} of {self.steps_asked:,}"
        return f"{running} running{at}, {infeasible:.0%} infeasible{best}"

    def begin(self, search: StudyRunner, members: int, steps: int) -> None:
        """So many networks of a study begin to train, for at most so many steps."""
        self.trained, self.made, self.steps_asked = search.study.name, 0, steps
        self.steps_made.reset(total=steps)
        self.steps_made.set_description_str(f"{members} networks", refresh=False)

    def steps(self, made: int) -> None:
        """They have made so many steps; fewer than before, if some of them are done and others begin."""
        self.made = made
        self.steps_made.n = made
        self.steps_made.update(0)
        if self.shown and not self.terminal and time.monotonic() - self.told > LINE_EVERY:
            self.look(next(one for one in self.searches if one.study.name == self.trained), now=True)

    def say(self, line: str) -> None:
        """Show a line."""
        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self.point.close()
        self.steps_made.close()
        self.trials.close()


def state_of(search: StudyRunner) -> State:
    """A study's state."""
    snapshot = search.study.snapshot()
    best = snapshot.best(1)
    if not best or best[0].value is None:
        return State(snapshot, "", "")
    return State(snapshot, f", best {format_value(best[0].value)}", listed(search.values(best[0])))
