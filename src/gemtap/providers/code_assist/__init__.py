"""Code Assist: gemini-cli with a Google account, and Gemini Code Assist."""
