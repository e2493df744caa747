"""What the user declared, frozen at compile: all that the engine knows of a graph."""
