"""What a node is told to do: its configuration, read, checked and read again."""
