"""Rule tests: balances over time in, expected alerts out, judged by the live engine and worded as live."""
