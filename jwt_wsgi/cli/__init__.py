"""The command line: what it asks the library, and how it prints the answers. It needs the extra `cli`."""
