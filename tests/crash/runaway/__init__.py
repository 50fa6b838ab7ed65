"""Runaway clients against budgets, while proxy processes and the desk are killed.

Ten users send a thousand requests at once and go on when they are refused. For each budget, what the upstream has
served is compared with the budget and with what was in flight when the last request of it got through.
"""
