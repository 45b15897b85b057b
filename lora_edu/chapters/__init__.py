"""The code behind the book, one folder a chapter. Nothing in the library imports it."""
