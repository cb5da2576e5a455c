"""Config and templates are read again when they change, checked whole, and put in force whole or not at all."""
