"""Random policies and a slow, obviously right judge of them."""
