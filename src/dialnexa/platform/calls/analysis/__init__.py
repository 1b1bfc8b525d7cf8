"""The post-call analysis: what is asked of a finished call, how answers are read, and the way without a model."""
