"""Real servers on loopback for the tests: started by context managers, stopped whatever happens."""
