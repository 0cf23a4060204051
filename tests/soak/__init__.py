"""Minutes of traffic while keys rotate and their endpoint fails; an oracle checks each answer."""
