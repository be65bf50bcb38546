// An application with a bug, logging through logback and the real OpenTelemetry SDK, over OTLP/gRPC:
// `java -cp LIBRARIES Emit.java ENDPOINT SERVICE TIMES`.
//
// It logs an IllegalStateException that `charge` throws TIMES times, with values that differ each time, between lines of
// healthy traffic, and ends with exit code 0 once the exporter has been flushed.

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.resources.Resource;
import java.util.concurrent.TimeUnit;
import org.slf4j.LoggerFactory;

public final class Emit {
  static long charge(int order, Long amount) {
    if (amount == null) {
      throw new IllegalStateException("order " + order + " has no amount");
    }
    return amount * 100;
  }

  static Logger logger(OpenTelemetrySdk sdk) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();
    OpenTelemetryAppender appender = new OpenTelemetryAppender();
    appender.setContext(context);
    appender.setOpenTelemetry(sdk);
    appender.start();
    Logger logger = context.getLogger("shop.payments");
    logger.setLevel(Level.INFO);
    logger.addAppender(appender);
    return logger;
  }

  public static void main(String[] args) {
    String endpoint = args[0];
    String service = args[1];
    int times = Integer.parseInt(args[2]);
    SdkLoggerProvider provider =
        SdkLoggerProvider.builder()
            .setResource(Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), service)))
            .addLogRecordProcessor(
                BatchLogRecordProcessor.builder(
                        OtlpGrpcLogRecordExporter.builder().setEndpoint(endpoint).build())
                    .build())
            .build();
    Logger logger = logger(OpenTelemetrySdk.builder().setLoggerProvider(provider).build());
    for (int n = 0; n < times; n++) {
      logger.info("order {} placed, connected to database in {} ms", n, n % 7);
      try {
        charge(n, null);
      } catch (IllegalStateException error) {
        logger.error("charging order {} failed", 1000 + n, error);
      }
    }
    boolean flushed = provider.forceFlush().join(30, TimeUnit.SECONDS).isSuccess();
    provider.shutdown().join(30, TimeUnit.SECONDS);
    System.exit(flushed ? 0 : 1);
  }
}
