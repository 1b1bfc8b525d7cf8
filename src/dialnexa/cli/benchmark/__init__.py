"""What ``dialnexa bench`` is made of: a subject that carries calls, callers in another process, and a report."""
