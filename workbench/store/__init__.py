"""Metadata: tables, migrations, one repository per noun; the only SQL of the product's state."""
