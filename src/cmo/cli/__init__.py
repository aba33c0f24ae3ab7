"""The command line: `cmo`. Each command reads its arguments, calls the house, and prints."""
