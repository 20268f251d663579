"""The share: what lies there, when it is complete, and every move on it."""
