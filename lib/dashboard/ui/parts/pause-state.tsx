import type { StepsAnswer } from '../../api.js';
import { Time } from './time.js';

/** Why nothing of a step begins. */
export type Pause = NonNullable<StepsAnswer['steps'][number]['pause']>;

/** Who, since when and until when, as the end of a sentence. */
export function PauseFacts({ pause: { kind, by, since, until } }: { readonly pause: Pause }) {
  return (
    <>
      {kind === 'pause' && by !== null && `by ${by}, `}
      <Time at={since} />
      {until !== null ? (
        <>
          {kind === 'brake' ? ', tries again ' : ', ends '}
          <Time at={until} />
        </>
      ) : (
        ', until it is resumed'
      )}
    </>
  );
}
