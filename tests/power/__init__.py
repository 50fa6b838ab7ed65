"""Power cuts: what Gemtap has left of its traffic when the disk stops at any point.

`python -m tests.power` runs a real `gemtap serve` on a file system whose disk records every write and flush, makes the
disk's content anew as a power cut at many points of the record would have left it, and recovers from each.
"""
