"""Question sets: reading, writing, making and locating them in documents."""
