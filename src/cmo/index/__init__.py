"""The index: immutable snapshots derived from the record, published by an atomic rename.

::

    record --chunks, vectors--> columns (append-only, shared by snapshots) --+
                            --> words (tantivy, hard-linked per snapshot) ---+--> snapshot --> CURRENT

A snapshot is a manifest: how many rows of the columns it sees, which of them are dead, and its own words index.
So publishing one more paper writes only that paper, and a worker that still reads the old snapshot is not disturbed.
"""
