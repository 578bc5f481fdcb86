"""Where a run stands, when it ends, and what share of the learning rate it is due."""

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
    """

    def __init__(
        self, how: Optimization, max_minutes: float | None, state: RunState
    ) -> None:
        self._how, self._state = how, state
        self._max_minutes = max_minutes or how.max_minutes
        if self._max_minutes is None and how.max_samples is None:
            raise SpecError(
                "nothing says when the run ends: give optimization.max_samples or "
                "max_minutes in the config, or --max-minutes"
            )
        self._before = state.minutes
        self._start = time.monotonic()
        self._last: dict[str, float] = {}

    def minutes(self) -> float:
        """Minutes trained, earlier runs included."""
        return self._before + (time.monotonic() - self._start) / 60

    def share(self) -> float:
        """0 at the start, 1 where the learning rate has reached its end."""
        if self._how.max_samples:
            return self._state.samples / self._how.max_samples
        assert self._max_minutes
        return self.minutes() / self._max_minutes

    def ended(self) -> bool:
        """Whether samples or minutes are used up."""
        out_of_time = self._max_minutes and self.minutes() >= self._max_minutes
        return self.share() >= 1 or bool(out_of_time)

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
