"""What notes say of records, by their kinds: written by whoever reads or stores them, worded by whoever shows them."""

from typing import Final

#: A time that could not be read; the example is one.
UNREAD_TIME: Final = "unread time"
#: A post whose text is gone and whose title could be labelled.
REMOVED_TITLE: Final = "removed title"
#: Bytes that are no UTF-8, in whose place U+FFFD stands.
NOT_UTF8: Final = "not UTF-8"
#: Filters that let nothing pass; the example says which names are near.
NOTHING_PASSED: Final = "nothing passed"
