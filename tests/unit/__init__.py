"""What is pure, a table or a scenario at a time."""
