"""The whole path, from a company's report to verified remedy, as a story that checks itself."""
