"""The fleet: the agents hosted by Faust workers on Kafka, with state in Redis and views in PostgreSQL."""
