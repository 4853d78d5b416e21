import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { SpanKind, trace } from '@opentelemetry/api';

/** A span for each request, as `HttpInstrumentation` of OpenTelemetry makes them. What the request does is below it. */
@Injectable()
export class RequestSpan implements NestMiddleware {
  private readonly tracer = trace.getTracer('depot');

  use(request: IncomingMessage & { originalUrl: string }, response: ServerResponse, next: () => void): void {
    const name = `${request.method} ${request.originalUrl}`;
    this.tracer.startActiveSpan(name, { kind: SpanKind.SERVER }, (span) => {
      response.once('close', () => {
        span.setAttribute('http.response.status_code', response.statusCode);
        span.end();
      });
      next();
    });
  }
}
