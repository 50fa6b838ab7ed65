"""Access keys: who may use this Gemtap, and as whom. No store and no parser: the tap looks keys up in memory."""
