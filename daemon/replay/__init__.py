"""The live engine over recorded history: the same fold over the log that the daemon wrote (law 13)."""
