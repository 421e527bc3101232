"""What people write: tajo.yaml, the environment and secrets, read once into frozen values.

Errors tell file and line. Nothing else reads the environment; everything may import this package.
"""
