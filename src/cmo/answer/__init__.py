"""Passages to a cited answer, or to an honest refusal.

::

    passages --> candidate sentences --> scores --> diverse few --> grouped by paper --> cited text
                                            |
                                            +--> confidence --too low--> refusal with what was searched
"""
