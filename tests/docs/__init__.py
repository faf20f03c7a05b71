"""Documents that cannot drift: lists are closed, links lead somewhere, commands do what is shown."""
