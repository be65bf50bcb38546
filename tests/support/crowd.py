"""Many applications in one process, each with an exporter of its own: `crowd.py ENDPOINT EXPORTERS RECORDS SECONDS`.

Each logs RECORDS errors through the real OpenTelemetry SDK, over OTLP/gRPC, spread over SECONDS. Prints as JSON how many
records were `sent`, how many `acknowledged`, and whether all exporters were `flushed`.
"""

import json
import logging
import os
import sys
import time

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.resources import Resource


class CountingExporter(OTLPLogExporter):
    acknowledged = 0

    def export(self, batch):
        result = super().export(batch)
        if result == LogRecordExportResult.SUCCESS:
            self.acknowledged += len(batch)
        return result


class Application:
    def __init__(self, endpoint, name):
        # gRPC would share one connection among exporters with the same address and options.
        own = (("grpc.use_local_subchannel_pool", 1),)
        self.exporter = CountingExporter(endpoint=endpoint, insecure=True, channel_options=own)
        self.provider = LoggerProvider(resource=Resource.create({"service.name": "payments"}))
        self.provider.add_log_record_processor(BatchLogRecordProcessor(self.exporter, schedule_delay_millis=200))
        self.logger = logging.getLogger(name)
        self.logger.addHandler(LoggingHandler(logger_provider=self.provider))
        self.logger.propagate = False


def main(endpoint, exporters, records, seconds):
    applications = [Application(endpoint, f"shop.{os.getpid()}.{n}") for n in range(exporters)]
    for n in range(records):
        for application in applications:
            application.logger.error("payment %d of %s failed: connection reset", n, application.logger.name)
        time.sleep(seconds / records)
    flushed = [application.provider.force_flush() for application in applications]
    for application in applications:
        application.provider.shutdown()
    acknowledged = sum(application.exporter.acknowledged for application in applications)
    print(json.dumps({"sent": exporters * records, "acknowledged": acknowledged, "flushed": all(flushed)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
