"""A real view of Flask and of Django, and what protects it: this package and decorators."""
