"""The HTTP face of the daemon: health, metrics and the status page."""
