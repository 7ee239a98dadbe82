"""Tasks: workflows, their activities, and the relay that starts them."""
