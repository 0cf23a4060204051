"""Minutes of traffic while keys rotate and their endpoint fails, each answer judged by an oracle."""
