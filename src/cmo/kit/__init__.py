"""Tools that know no medicine: clock, deadline, hashing, files, text."""
