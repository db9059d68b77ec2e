"""Changed questions, and how many answers survive the change."""
