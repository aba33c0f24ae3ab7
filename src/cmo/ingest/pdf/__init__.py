"""PDF files to papers: text in reading order, with the place on the page of every sentence."""

from cmo.ingest.pdf.parser import Limits, PdfParser

__all__ = ["Limits", "PdfParser"]
