"""The process: commands, configuration, scheduling, polling, delivery and the wiring of all of it."""
