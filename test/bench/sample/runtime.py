"""A runtime for Python as small as the Runtime API allows: the function is imported before the first call, as on Lambda.
Lambda's own runtime does more, so what is measured here is the least that Python takes."""
import http.client
import json
import os
import socket

# On Lambda the VPC's DNS would answer. This process stands outside of the VPC, so it is told, at no cost to the sample.
lookup = socket.getaddrinfo
answers = {os.environ["RDS_ENDPOINT"]: os.environ["RDS_ADDRESS"]}
socket.getaddrinfo = lambda host, *rest, **more: lookup(answers.get(host, host), *rest, **more)

import sync  # noqa: E402, after the answer to its lookup

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = api.getresponse()
    event = json.loads(invocation.read())
    path = "/2018-06-01/runtime/invocation/" + invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        path, answer = path + "/response", sync.handler(event, None)
    except Exception as e:
        path, answer = path + "/error", {"errorType": type(e).__name__, "errorMessage": str(e)}
    api.request("POST", path, json.dumps(answer))
    api.getresponse().read()
