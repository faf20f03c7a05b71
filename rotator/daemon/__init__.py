"""rotator as a service: when to run, the loop that does, and what it shows over HTTP."""
