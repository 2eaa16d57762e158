"""The statistics of Deus: pure functions over arrays, behind the analyze.* verbs.

`calendar` knows local days and holidays, `baseline` what history leads to expect, `change` whether something happened,
`onset` when, `attribution` and `funnel` where, `callgraph` which service; `changepoints` splits any series.
"""
