"""The command line. It needs the extra `cli`; everything it prints comes from the library."""
