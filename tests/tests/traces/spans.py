"""Sends one trace through two services by OpenTelemetry's SDK: `spans.py grpc|http random|xray`; prints its id."""
import random
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

way, form = sys.argv[1:]


class TimedIds(RandomIdGenerator):
    """X-Ray's form: the first 32 bits are the time."""

    def generate_trace_id(self):
        return int(time.time()) << 96 | random.getrandbits(96)


if way == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint="http://127.0.0.1:4566", insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(endpoint="http://127.0.0.1:4566/v1/traces", compression=Compression.Gzip)


def tracer(service):
    resource = Resource.create({"service.name": service, "cloud.region": "ap-southeast-2"})
    ids = TimedIds() if form == "xray" else RandomIdGenerator()
    provider = TracerProvider(resource=resource, id_generator=ids)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("todo")


gateway, api = tracer(f"gateway-{way}"), tracer(f"api-{way}")
attributes = {"http.request.method": "GET", "url.path": "/todos", "server.address": "gateway", "url.scheme": "http"}
with gateway.start_as_current_span("GET /todos", kind=trace.SpanKind.SERVER, attributes=attributes) as entry:
    entry.set_attribute("http.response.status_code", 200)
    entry.set_attribute("annotation.team", "todo")
    with gateway.start_as_current_span("GET", kind=trace.SpanKind.CLIENT, attributes={"http.url": "http://api/todos"}):
        try:
            with api.start_as_current_span("GET /todos", kind=trace.SpanKind.SERVER) as served:
                served.set_attribute("http.status_code", 500)
                raise KeyError("no such todo")
        except KeyError:
            pass
print(format(entry.get_span_context().trace_id, "032x"))
