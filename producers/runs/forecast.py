"""How fast a run goes, and how long the rest takes. A state machine that knows no clock: it is passed in."""

from typing import Final, NamedTuple

from moodmill.db.core.pace import SpeedMeter, seconds_left

#: Tokens of a character, special ones included: what comments of Reddit have with the vocabularies of English models.
TOKENS_A_CHARACTER: Final = 0.25


class Pace(NamedTuple):
    """How fast a run goes."""

    comments_per_s: float | None
    #: What the rest takes; None as long as nobody can say.
    left_s: float | None


class Forecast:
    """Tells by the chunks that are done how fast a run goes; before the first one, by the tokens that the model reads.

    Chunks are done some at a time, the first of a small run when half of it is: the model reads whole windows of them.
    """

    def __init__(self) -> None:
        self._meter: Final = SpeedMeter()
        self._begun: float | None = None

    def pace(
        self,
        labelling_s: float | None,
        *,
        classified: int,
        share: float,
        share_read: float,
        sent: int,
        characters: int,
        tokens_per_s: float,
    ) -> Pace:
        """Return how fast it goes, `labelling_s` after it began, once it has.

        `classified` of the comments are done and `share` of the whole; `share_read` of the sources is read, and of what
        is read so many comments and characters were `sent` to the workers, who read so many tokens in a second.
        """
        if self._begun is None:
            self._begun = share  # of a run that is resumed, what was done before
        if labelling_s is None:
            return Pace(None, None)
        speed = self._meter.measure(labelling_s, classified)
        if classified:
            mine = (share - self._begun) / (1 - self._begun) if self._begun < 1 else 1.0
            return Pace(speed or None, seconds_left(mine, classified, speed))
        if not (tokens_per_s and characters and share_read):
            return Pace(None, None)
        tokens = characters * TOKENS_A_CHARACTER
        whole_s = tokens / share_read / tokens_per_s
        return Pace(sent * tokens_per_s / tokens, max(whole_s - labelling_s, 0.0))
