"""The demo shop: deterministic SQL files and what runs them."""
