"""The shop's logs, sent over OTLP by the OpenTelemetry SDK.

Where to and as whom is in the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4317 without it) and
OTEL_SERVICE_NAME. Nothing here knows of logmend: any receiver of OTLP will do.
"""

import logging

from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor


def start() -> LoggerProvider:
    """Sends whatever `shop` and the loggers below it log, until the provider is shut down."""
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(provider)
    logger = logging.getLogger("shop")
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=provider))
    return provider
