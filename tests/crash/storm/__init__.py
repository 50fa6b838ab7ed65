"""Traffic while every process is killed, again and again; afterwards clients, upstream and store are compared.

`python -m tests.crash.storm --store sqlite --kills 80` prints what became of the exchanges.
"""
