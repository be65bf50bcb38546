"""An application with a bug, logging through the real OpenTelemetry SDK: `emit.py ENDPOINT SERVICE TIMES [PROTOCOL]`.

It calls `logger.exception(...)` TIMES times on a KeyError that `charge` raises, with values that differ each time,
between lines of healthy traffic, and ends with exit code 0 once the exporter has been flushed. PROTOCOL is grpc, the default, or http/protobuf.
"""

import logging
import sys

from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource


def charge(order):
    return order["amount"] * 100


def exporter(endpoint, protocol):
    if protocol == "http/protobuf":
        return HttpLogExporter(endpoint=f"{endpoint}/v1/logs")
    return GrpcLogExporter(endpoint=endpoint, insecure=True)


def main(endpoint, service, times, protocol="grpc"):
    provider = LoggerProvider(resource=Resource.create({"service.name": service}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter(endpoint, protocol)))
    set_logger_provider(provider)
    logger = logging.getLogger("shop.payments")
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(level=logging.NOTSET, logger_provider=provider))
    for n in range(times):
        logger.info("order %d placed, connected to database in %d ms", n, n % 7)
        try:
            charge({"id": n, "customer": f"customer{n}@example.com"})
        except KeyError:
            logger.exception("charging order %d failed, token=%s", 1000 + n, "tok_" + "a1b2c3d4e5" * 3)
    flushed = provider.force_flush()
    provider.shutdown()
    sys.exit(0 if flushed else 1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
