"""Values of the use cases → text, JSON and JUnit; decides nothing."""
