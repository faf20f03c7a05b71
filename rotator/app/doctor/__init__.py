"""`doctor`: everything that would stop a rotation, looked at before it does; it changes nothing (contract §1)."""
