"""What moodmill says when something is wrong: what was expected, what came, and what to do. One line each."""


class MoodmillError(Exception):
    """An error a person can mend; the command line prints it as one line and exits with `status`."""

    status = 1


class SettingError(MoodmillError):
    """A setting or option that cannot be used."""

    status = 2


class StoreError(MoodmillError):
    """The SQL store cannot be reached, or its schema is not this version's."""


class StoreAwayError(StoreError):
    """The SQL store cannot be used just now, and can be later: the same may be tried again."""


class BrokerError(MoodmillError):
    """The Redis-protocol server cannot be reached or refuses us."""


class SourceError(MoodmillError):
    """A source that is no dump, is truncated, or changed since its run began."""


class NoSourceError(SourceError):
    """A file that holds no comments by its nature, such as a data set's description: a folder passes over it."""


class ModelError(MoodmillError):
    """A model that cannot be found, loaded, or has not the 27 emotions."""


class WorkerError(MoodmillError):
    """A worker that ended though it should go on."""


class OtherEngineError(MoodmillError):
    """A run that another engine classifies, or another precision is asked for: its chunks are for other workers."""


class RunError(MoodmillError):
    """A run that does not exist or cannot go on."""
