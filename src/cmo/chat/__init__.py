"""The chat: Chainlit over a running service, in a process of its own."""
