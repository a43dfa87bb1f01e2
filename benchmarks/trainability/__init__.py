"""Which networks train? Random architectures, measured before training and then trained.

`run` makes the table (`table.csv`), `report` prints what it says. `spec` has the architectures and
the rule that keeps some families for the test alone.
"""
