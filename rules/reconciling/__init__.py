"""Reconciliation: does the money add up? Pure, and part of the one fold.

In: readings and valuations like any rule; `rules.statements.Transfers`, `Prices` and `Books` as inputs of `judge`.
Out: alerts of the rules of type reconciliation and composition_shift (a break is such an alert, with its life),
and in the Outcome `histories` and `prices`, which the shell may read within its budget, beside `rechecks`.
A figure that should agree and does not is in `report.findings`, which `subtally reconcile` prints.
"""
