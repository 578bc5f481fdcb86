"""What every choice of the cascade buys: one row a choice, with error and seconds."""
