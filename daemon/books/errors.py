"""What can be wrong with the user's books."""

from __future__ import annotations


class BooksError(Exception):
    """Why the books told nothing, in words for the user: what, where, and what to do."""
