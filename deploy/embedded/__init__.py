"""One machine without containers: a real PostgreSQL, a real Kafka and all services."""
