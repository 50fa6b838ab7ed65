"""The desk process: `python -m gemtap.desk DESCRIPTOR`, started by the supervisor.

It runs the recorder and the dashboard. While it is down, captures wait in the spool.
"""
