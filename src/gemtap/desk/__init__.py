"""The desk as a process: `python -m gemtap.desk DESCRIPTOR`, started by the supervisor.

It holds the recorder and the dashboard. It may be away for as long as it likes: captures wait in the spool.
"""
