"""What rotator talks about, as frozen values; standard library only, no I/O, no clock."""
