import type { OverviewAnswer } from '../../api.js';
import { Badge, type Tone } from './status.js';

const STATES: Readonly<
  Record<NonNullable<OverviewAnswer['health']>['status'], readonly [Tone, string, string]>
> = {
  up: ['green', 'Healthy', 'Due jobs are looked for, and none waits too long.'],
  degraded: ['amber', 'Degraded', 'Something waits for too long.'],
  down: ['red', 'Down', 'Nobody looks for due jobs.'],
};

/** Whether jobs are seen through, in words. */
export function Health({ health }: { readonly health: OverviewAnswer['health'] | undefined }) {
  if (!health) return null;
  const [tone, name, text] = STATES[health.status];
  return (
    <p class="quiet">
      <Badge tone={tone} text={name} /> {text}
    </p>
  );
}
