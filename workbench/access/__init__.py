"""Access: keys and what a caller may reach."""
