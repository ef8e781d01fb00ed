"""Authentication plugins as generators: they yield bytes to send and end in success or refusal."""
