"""What is said in an exchange, whichever API said it: messages, tool calls, their results, and thoughts."""

from gemtap.conversation.model import Conversation
from gemtap.conversation.reading import conversation_of

__all__ = ["Conversation", "conversation_of"]
