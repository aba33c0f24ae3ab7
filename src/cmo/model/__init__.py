"""The nouns: frozen values and the Protocols between parts. No behaviour that needs a file, a clock or a vendor."""
