"""How fast Subtally is, as ratios measured side by side in one run. `python -m bench` prints the goals."""
