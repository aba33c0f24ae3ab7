"""Question to passages: two searches, fused, sharpened by sentences, folded.

::

    question --vector--> nearest --+
             --words---> matching -+--> pool --> fused score --> best rows --> duplicates folded --> passages
"""
