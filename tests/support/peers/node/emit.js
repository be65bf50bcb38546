// An application with a bug, logging through the real OpenTelemetry SDK:
// `node emit.js ENDPOINT grpc|http/json|http/protobuf winston|pino SERVICE TIMES`.
//
// It logs a TypeError that `charge` raises TIMES times, with values that differ each time, between lines of healthy
// traffic, and ends with exit code 0 once the exporter has been flushed.
'use strict';

const { logs } = require('@opentelemetry/api-logs');
const { LoggerProvider, BatchLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { resourceFromAttributes } = require('@opentelemetry/resources');

const [endpoint, protocol, library, service, times] = process.argv.slice(2);

function exporter() {
  switch (protocol) {
    case 'grpc':
      return new (require('@opentelemetry/exporter-logs-otlp-grpc').OTLPLogExporter)({ url: endpoint });
    case 'http/json':
      return new (require('@opentelemetry/exporter-logs-otlp-http').OTLPLogExporter)({ url: `${endpoint}/v1/logs` });
    case 'http/protobuf':
      return new (require('@opentelemetry/exporter-logs-otlp-proto').OTLPLogExporter)({ url: `${endpoint}/v1/logs` });
  }
  throw new Error(`unknown protocol ${protocol}`);
}

// Both are `(message, error?)`; an error makes it a line of level error.
function logger() {
  if (library === 'pino') {
    const { registerInstrumentations } = require('@opentelemetry/instrumentation');
    const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
    registerInstrumentations({ instrumentations: [new PinoInstrumentation()] });
    const pino = require('pino')();
    return (message, error) => (error ? pino.error(error, message) : pino.info(message));
  }
  const winston = require('winston');
  const { OpenTelemetryTransportV3 } = require('@opentelemetry/winston-transport');
  const out = winston.createLogger({ transports: [new OpenTelemetryTransportV3()] });
  return (message, error) => (error ? out.error(message, { error }) : out.info(message));
}

function charge(order) {
  return order.amount.total * 100;
}

async function main() {
  // Where an export failed, the SDK says so to its own logger and goes on: here the application fails.
  const inner = exporter();
  let failed;
  const watched = {
    export: (records, done) => inner.export(records, (result) => {
      if (result.code !== 0) failed = result.error ?? new Error('export failed');
      done(result);
    }),
    forceFlush: () => inner.forceFlush?.(),
    shutdown: () => inner.shutdown(),
  };
  const provider = new LoggerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    processors: [new BatchLogRecordProcessor({ exporter: watched })],
  });
  logs.setGlobalLoggerProvider(provider);
  const log = logger();
  for (let n = 0; n < Number(times); n += 1) {
    log(`order ${n} placed, connected to database in ${n % 7} ms`);
    try {
      charge({ id: n, customer: `customer${n}@example.com` });
    } catch (error) {
      log(`charging order ${1000 + n} failed`, error);
    }
  }
  await provider.forceFlush();
  await provider.shutdown();
  if (failed) throw failed;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
