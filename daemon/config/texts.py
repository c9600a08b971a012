"""All texts of one configuration: read from disk, or as they were stored when they were accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.documents import document_of
from daemon.config.errors import ConfigError, Problem
from daemon.config.report import Document, Report, Scope
from daemon.config.sources import (
    ALL_BYTES_MAX,
    INCLUDES_MAX,
    Folder,
    UnreadableError,
    csv_names,
    is_csv,
)
from daemon.config.wording import kind_of, shown


@dataclass(slots=True)
class Texts:
    """The TOML documents, the main one first, and the CSV files by name; for those that lack, why."""

    folder: Path
    documents: list[Document] = field(default_factory=list)
    csv: dict[str, Document] = field(default_factory=dict)
    csv_faults: dict[str, str] = field(default_factory=dict)
    characters: int = 0

    @property
    def sources(self) -> tuple[tuple[str, str], ...]:
        """Name and text of each, exactly as read: what a restart and a replay need."""
        return tuple((document.name, document.text) for document in (*self.documents, *self.csv.values()))

    def bound(self, text: str) -> str:
        """Refuse what is too much in all. Raises UnreadableError."""
        self.characters += len(text)
        if self.characters > ALL_BYTES_MAX:
            raise UnreadableError(f"all files together are larger than {ALL_BYTES_MAX // 1024 // 1024} MiB")
        return text


def texts_on_disk(path: Path, report: Report) -> Texts:
    """Read the main file and all that it names. Raises ConfigError where the main one cannot be had."""
    folder = Folder.of(path)
    texts = Texts(folder.path)
    try:
        text = texts.bound(folder.read(folder.main))
    except UnreadableError as error:
        raise ConfigError([Problem(str(path), None, None, None, "", str(error))]) from None
    main = document_of(folder.main, folder.shown(folder.main), text)
    if isinstance(main, Problem):
        raise ConfigError([main])
    texts.documents.append(main)
    for entry in _included(main, folder, report):
        _include(entry, folder, texts, report)
    for csv_name in csv_names(document.table for document in texts.documents):
        try:
            text = texts.bound(folder.read(csv_name))
            texts.csv[csv_name] = Document(csv_name, folder.shown(csv_name), text, {})
        except UnreadableError as error:
            texts.csv_faults[csv_name] = str(error)
    return texts


def texts_in(sources: tuple[tuple[str, str], ...], folder: Path, report: Report) -> Texts:
    """Take the texts as they were stored, the main one first. Raises ConfigError where that is no TOML."""
    texts = Texts(folder)
    for name, text in sources:
        if texts.documents and is_csv(name):
            texts.csv[name] = Document(name, name, text, {})
            continue
        document = document_of(name, name, text)
        if isinstance(document, Document):
            texts.documents.append(document)
            continue
        report.problems.append(document)
        if not texts.documents:
            report.refuse()
    if not texts.documents:
        raise ConfigError([Problem("", None, None, None, "", "there is no text")])
    return texts


def _included(main: Document, folder: Folder, report: Report) -> list[tuple[int, str]]:
    """Each included file once, in the order of `include`, with the index of the entry that names it."""
    scope = Scope(report, main)
    patterns = main.table.get("include", [])
    if not isinstance(patterns, list):
        scope.problem(
            ("include",), f"must be a list, not {kind_of(patterns)}", 'as in include = ["rules.d/*.toml"]'
        )
        return []
    found: dict[str, tuple[int, str]] = {folder.real(folder.main): (-1, folder.main)}
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str) or not pattern or not pattern.isprintable():
            scope.problem(
                ("include", index), f"must be a path, not {kind_of(pattern)}", 'as in "rules.d/*.toml"'
            )
            continue
        try:
            for name in folder.included(pattern):
                found.setdefault(folder.real(name), (index, name))
        except UnreadableError as error:
            scope.problem(("include", index), str(error))
    if len(found) > INCLUDES_MAX + 1:
        scope.problem(("include",), f"means {len(found) - 1} files", f"at most {INCLUDES_MAX}")
        return []
    return list(found.values())[1:]


def _include(entry: tuple[int, str], folder: Folder, texts: Texts, report: Report) -> None:
    index, name = entry
    scope = Scope(report, texts.documents[0])
    if is_csv(name):
        scope.problem(("include", index), f"{shown(name)}: a CSV file is named by below_by, not included")
        return
    try:
        document = document_of(name, folder.shown(name), texts.bound(folder.read(name)))
    except UnreadableError as error:
        scope.problem(("include", index), f"{shown(name)}: {error}")
        return
    if isinstance(document, Problem):
        report.problems.append(document)
    else:
        texts.documents.append(document)
