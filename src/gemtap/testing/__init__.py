"""Contract suites for packages that extend Gemtap. They need pytest to run, and nothing else beside Gemtap."""
