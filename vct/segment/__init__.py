"""The instrument: organs from CT, and what is measured inside them."""
