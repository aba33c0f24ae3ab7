"""A file to a paper: find out what it is, read it in a process of its own, cut it into chunks."""
