"""The tables of the schema `authorize`; every statement beside the method that runs it."""
