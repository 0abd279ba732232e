"""The report's page, its tables, curves and maps; the cards of data and model."""
