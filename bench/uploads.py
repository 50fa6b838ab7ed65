"""Large requests, one after another."""

from __future__ import annotations

import http.client
import statistics
import time

from bench.traffic import GENERATE, HEADERS


def upload_ms(port: int, body: bytes, times: int) -> float:
    """Median milliseconds from the first byte of the body to the last byte of the response, over one connection."""
    return statistics.median(upload_latencies(port, body, times))


def upload_latencies(port: int, body: bytes, times: int) -> list[float]:
    """Milliseconds of each request, one after another over one connection. Raises RuntimeError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    latencies = []
    for _ in range(times):
        started_at = time.perf_counter()
        connection.request("POST", GENERATE, body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        latencies.append((time.perf_counter() - started_at) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"the answer to an upload has the status {answer.status}")
    connection.close()
    return latencies
