"""Files of a case: the same rooms as the service, for what arrives as a stream."""
