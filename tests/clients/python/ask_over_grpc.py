"""gRPC: `serve PEM` answers every call with what it was sent, `ask HOST` prints the answers to two calls."""

# mypy: ignore-errors

import sys
from concurrent import futures
from pathlib import Path

import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"echo " + request)


def serve(pem):
    certificate = Path(pem).read_bytes()
    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(certificate, certificate)]))
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


def ask(host):
    with grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials()) as channel:
        call = channel.unary_unary("/google.ai.generativelanguage.v1beta.ModelService/ListModels")
        for number in (b"1", b"2"):
            print(call(number, timeout=60, metadata=[("x-goog-api-key", "canary")]).decode())


{"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2])
