"""Search: query encoding, arms, fusion and explanation."""
