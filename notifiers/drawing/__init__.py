"""Pictures drawn by ourselves: letters, a canvas that becomes a PNG, and the chart of a figure. Pure."""
