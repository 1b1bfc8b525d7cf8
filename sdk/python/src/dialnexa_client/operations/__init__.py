"""Every operation as a plan, without I/O: one place for its parameters, its path and its meaning.

The first parameter is the client's core; the resources in ``client`` bind it, once blocking and once not.
"""
