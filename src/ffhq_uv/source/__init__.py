"""The configured source: what its places offer, and what of it a run asks for."""
