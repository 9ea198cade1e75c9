"""Coming in: one-time codes, WeChat, and registration by real name."""
