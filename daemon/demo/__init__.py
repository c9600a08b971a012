"""The demo: the real daemon, pointed at the built-in simulator, telling its alerts into this terminal."""
