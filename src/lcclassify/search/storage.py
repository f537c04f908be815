"""Where a search's study is kept: SQLite, a journal file, or any database."""

from __future__ import annotations

import sqlite3
import warnings
from functools import partial
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.exc import SQLAlchemyError

from lcclassify.errors import ConfigError

SQLITE = "study.db"
JOURNAL = "study.journal"
_PATIENCE = 120  # seconds that a process waits for another one's writing
# Seconds after which a journal's own lock, left by a process that was killed, is broken. Nobody
# else writes meanwhile: every change of a study is made under `SearchLocks.study`.
_GRACE = 3


def open_storage(name: str, folder: Path) -> BaseStorage:
    """Open a search's storage, making it where it is missing.

    Args:
        name: "sqlite", "journal", or a database's URL.
        folder: Folder of the search, which holds the first two.

    Raises:
        ConfigError: It cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if name == "journal":
                path = str(folder / JOURNAL)
                lock = JournalFileSymlinkLock(path, grace_period=_GRACE)
                return JournalStorage(JournalFileBackend(path, lock))
            if name == "sqlite":
                return _sqlite(folder / SQLITE)
            return RDBStorage(name)
    except (SQLAlchemyError, sqlite3.Error, ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"search.storage={name} cannot be opened: {reason}") from error


def _sqlite(path: Path) -> RDBStorage:
    connection = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        # Readers then do not wait for writers; it is kept in the file.
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    # No URL for the path: what follows a question mark would be no part of it.
    connect = partial(sqlite3.connect, path, timeout=_PATIENCE)
    return RDBStorage(f"sqlite:///{path.name}", engine_kwargs={"creator": connect})
