"""What is said in an exchange, whichever API said it: messages, tool calls, their results, and thoughts."""

from gemtap.conversation.model import Conversation

__all__ = ["Conversation"]
