"""Three regions behind real servers on loopback, each of which can be made to lie."""
