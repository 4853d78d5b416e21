import { LineLogger } from '../core/line-logger.js';
import { errorText } from '../errors/error-text.js';

/** Keeps what a tracer, a meter or an exporter throws away from the jobs. Logged once: it would happen with every job. */
export class Guarded {
  private readonly logger = new LineLogger('SteppingTelemetry');
  private told = false;

  /** Undefined when `call` has thrown. */
  try<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!this.told) {
        this.logger.warn(
          `OpenTelemetry has thrown; jobs go on without their traces and metrics: ${errorText(error)}`,
        );
      }
      this.told = true;
      return undefined;
    }
  }
}
