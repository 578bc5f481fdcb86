"""Where a run stands, when it ends, and what share of the learning rate it is due."""

import math
import time
from dataclasses import dataclass

from vct.errors import SpecError
from vct.training.config import Optimization


@dataclass
class RunState:
    """Where a run stands; minutes are those trained, earlier runs included."""

    steps: int = 0
    samples: int = 0
    minutes: float = 0.0


class Schedule:
    """Samples and wall clock against their budgets.

    With ``max_samples`` the learning rate follows the samples alone, so that a run that
    was cut short and goes on is the run that was not; minutes then only stop it. With
    minutes alone it follows the clock.

    Parameters
    ----------
    how
        Its ``max_minutes`` are all that the run may train, earlier processes included.
    max_minutes
        What this process may train of them. They are also the end of the learning rate
        where ``how`` names no end.
    state
        Where the run stands.

    Raises
    ------
    SpecError
        If nothing says when the run ends, or it would end before it begins.
    """

    def __init__(
        self, how: Optimization, max_minutes: float | None, state: RunState
    ) -> None:
        if max_minutes is None and not (how.max_minutes or how.max_samples):
            raise SpecError(
                "nothing says when the run ends: give optimization.max_samples or "
                "max_minutes in the config, or --max-minutes"
            )
        if max_minutes is not None and not max_minutes > 0:
            raise SpecError(f"--max-minutes {max_minutes:g}: must be above 0")
        self._how, self._state = how, state
        self._before = state.minutes
        ends = [how.max_minutes, max_minutes and self._before + max_minutes]
        self._end_minutes = min((end for end in ends if end), default=math.inf)
        self._all_minutes = how.max_minutes or self._end_minutes
        self._start = time.monotonic()
        self._last: dict[str, float] = {}

    def minutes(self) -> float:
        """Minutes trained, earlier runs included."""
        return self._before + (time.monotonic() - self._start) / 60

    def share(self) -> float:
        """0 at the start, 1 where the learning rate has reached its end."""
        if self._how.max_samples:
            return self._state.samples / self._how.max_samples
        return self.minutes() / self._all_minutes

    def ended(self) -> bool:
        """Whether samples or minutes are used up."""
        return self.share() >= 1 or self.minutes() >= self._end_minutes

    def told(self) -> str:
        """How much was trained and, where that is not all, how to go on."""
        state, how = self._state, self._how
        samples, minutes = f"{state.samples}", f"{state.minutes:.1f}"
        if self.share() >= 1:
            return f"{samples} samples in {minutes} minutes"
        if how.max_samples:
            samples += f" of {how.max_samples}"
        else:
            minutes += f" of {self._all_minutes:g}"
        on = "run the same command again to go on"
        if how.max_minutes and state.minutes >= how.max_minutes:
            on = "optimization.max_minutes is used up; raise it to go on"
        return f"{samples} samples in {minutes} minutes: {on}"

    def rate(self, share: float) -> float:
        """Share of the learning rate: warm-up, flat, linear decay to zero."""
        warm = (self._state.steps + 1) / max(self._how.warmup_steps, 1)
        start = self._how.decay_from
        decay = 1.0 if share < start else (1 - share) / max(1 - start, 1e-9)
        return min(1.0, warm) * max(decay, 0.01)

    def due(self, name: str, every_minutes: float) -> bool:
        """Whether ``every_minutes`` have passed since this was last due."""
        now = time.monotonic()
        last = self._last.setdefault(name, self._start)
        if now - last < every_minutes * 60:
            return False
        self._last[name] = now
        return True
