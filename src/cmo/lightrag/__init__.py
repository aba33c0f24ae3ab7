"""LightRAG: what it left in a folder, and itself as an engine.

::

    its working directory --checked whole--> Holdings --a document--> Reading of reader "lightrag"

    question --> LightRAG, in a process of its own --> passages of ours --> its answer, each sentence held against them
                     └── vectors and completions come from our ports ──┘

The library (https://github.com/HKUDS/LightRAG, 1.5.7) is not imported by anything but `worker.py`.
"""
