"""Random policies, and a slow judge of them that is obviously right."""
