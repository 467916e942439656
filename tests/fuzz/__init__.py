"""Every parser that meets foreign bytes, fed with bytes that mean it no good."""
