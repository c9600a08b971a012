"""How a message reads and how it is sent: the only place that touches Apprise."""
