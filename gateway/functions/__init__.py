"""The functions that live workers offer."""
