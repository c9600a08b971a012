"""The user's own books: a CSV file, or a command that prints CSV, read into `Books` for the engine.

Whatever is wrong with them is a `problem` in words, told as such: it is never a break.
"""
