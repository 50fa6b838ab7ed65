"""What a simulated API consists of, whichever API it is. No network: `gemtap.demo.upstream` serves it."""
