"""The plugin that pytest loads wherever jobgate is installed: it imports nothing until a fixture is used."""
