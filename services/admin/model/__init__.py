"""What an operator sees and asks for: frozen values in the words of the operator's API."""
