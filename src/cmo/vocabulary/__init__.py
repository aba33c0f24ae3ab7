"""What things are called: concepts under all their names, and finding them in texts."""
