"""Clinical Metabolomics Oracle: answers from your own papers, each sentence traced to its page."""

__version__ = "0.1.0"
