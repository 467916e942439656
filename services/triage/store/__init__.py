"""The triage service's SQL."""
