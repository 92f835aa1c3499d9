"""What a process that reads sources counts for Prometheus: once a chunk, never once a record."""

from typing import Final

from prometheus_client import Counter

READ: Final = Counter("moodmill_records_read", "Records read from sources.")
SKIPPED: Final = Counter("moodmill_records_skipped", "Records passed over, by reason.", ["reason"])
DEAD_LETTERS: Final = Counter("moodmill_read_dead_letters", "Records that could not be read.")
SENT: Final = Counter("moodmill_chunks_sent", "Chunks handed to the broker, those that are sent again included.")
