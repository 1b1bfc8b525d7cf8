"""The agent runtime of conversation graphs with a language model: the graph decides where, the model says what."""
