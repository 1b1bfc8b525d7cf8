"""What is promised and remembered, one folder per noun.

Routes speak HTTP, services hold rules, repositories speak SQL, models are tables, schemas are wire shapes.
"""
