// Checked by the compiler: a line under @ts-expect-error must not compile, everything else must.
import { OnSteppingEvent } from '../../lib/core/events/on-stepping-event.decorator.js';
import type { SteppingEvents } from '../../lib/core/events/stepping-events.js';

export class Listeners {
  @OnSteppingEvent('job.failed')
  failed({ gid, attempts, error }: SteppingEvents['job.failed']): unknown {
    return [gid.length, attempts.toFixed(), error];
  }

  @OnSteppingEvent('job.failed', 'attempt.failed')
  async either(event: SteppingEvents['job.failed' | 'attempt.failed']): Promise<number> {
    return event.event === 'job.failed' ? event.attempts : event.tookMs;
  }

  @OnSteppingEvent('recovery.stopped')
  without(): void {}

  // @ts-expect-error another event has no `attempts`
  @OnSteppingEvent('job.succeeded')
  another(event: SteppingEvents['job.failed']): unknown {
    return event.attempts;
  }

  // @ts-expect-error no such event
  @OnSteppingEvent('job.done')
  unknown(): void {}

  // @ts-expect-error a property is not called
  @OnSteppingEvent('job.succeeded')
  get property(): string {
    return '';
  }
}
