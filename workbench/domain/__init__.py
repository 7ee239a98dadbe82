"""The words of the workbench as types. Imports the standard library and pydantic only."""
