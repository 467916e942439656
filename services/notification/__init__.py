"""Tells each party what it may know: notices to companies, the remedy feed to NGOs."""
