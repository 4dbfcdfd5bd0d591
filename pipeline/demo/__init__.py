"""The demonstration's second part: generated visitors, and the answer that a batch computation gives about them."""
