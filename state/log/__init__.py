"""The log of every input of the engine (law 13): written as differences, read back as whole inputs.

A row of the log is one chunk of a commit: records one after the other, each

    kind · judged at (against the record before) · what the kind holds

Readings, listings and passes repeat themselves, so they are written against the last one of the same key; the
first of a key after a start is written whole. A run of readings that repeat the last ones is one record, of the
identities and the differences between their times, and is read back as those readings. Everything else is a
MessagePack map without defaults.
"""

from state.log.reader import LogDamageError, LogReader
from state.log.writer import Chunk, LogWriter

__all__ = ["Chunk", "LogDamageError", "LogReader", "LogWriter"]
