"""The services' parts against a real PostgreSQL and a real Kafka, with every access rule on."""
