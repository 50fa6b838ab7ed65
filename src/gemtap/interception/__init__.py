"""Interception: the local authority in whose name TLS is ended for the hosts of providers, and where it is trusted."""
