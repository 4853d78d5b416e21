import { useState } from 'preact/hooks';
import type { DoneAnswer, PauseRequest } from '../../api.js';
import { post } from '../server.js';
import { Dialog } from './dialog.js';
import { PauseFacts, type Pause } from './pause-state.js';
import { Select } from './select.js';
import { tell } from './toasts.js';

const LENGTHS = [
  ['', 'Until it is resumed'],
  ['15m', '15 minutes'],
  ['1h', '1 hour'],
  ['8h', '8 hours'],
] as const;

/** A step that somebody is about to pause, or to resume where it is paused. */
export interface Steered {
  readonly step: string;
  readonly pause: Pause | null;
  /** How many of its jobs are due; undefined where it is not known. */
  readonly due?: string;
}

interface SteeringProps {
  readonly steered: Steered;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** The dialog that pauses or resumes a step, and what opens it. */
export function useSteering(onDone: () => void) {
  const [steered, steer] = useState<Steered | null>(null);
  const Steering = steered?.pause ? Resuming : Pausing;
  const dialog = steered && <Steering steered={steered} onDone={onDone} onClose={() => steer(null)} />;
  return { steer, dialog };
}

function Pausing({ steered, onDone, onClose }: SteeringProps) {
  const { step } = steered;
  const [until, setUntil] = useState('');
  return (
    <Dialog
      title={`Pause ${step}?`}
      confirm={`Pause ${step}`}
      text={
        <p>
          No new attempt of it begins in any process; attempts that run go on. {jobsOf(steered)} wait and use
          up no attempts.
        </p>
      }
      onConfirm={async (reason) => {
        await post<DoneAnswer>('pause', { step, reason, ...(until && { until }) });
        const undo = { step, reason: 'Pause undone' };
        tell({
          text: `${step} is paused.`,
          undo: () => tryTo('resume', undo, `${step} runs again.`, onDone),
        });
        onDone();
      }}
      onClose={onClose}
    >
      <label class="field">
        How long
        <Select value={until} options={LENGTHS} onChoose={setUntil} />
      </label>
    </Dialog>
  );
}

function Resuming({ steered, onDone, onClose }: SteeringProps) {
  const { step } = steered;
  const pause = steered.pause!;
  const isBrake = pause.kind === 'brake';
  const verb = isBrake ? 'Release' : 'Resume';
  return (
    <Dialog
      title={`${verb} ${step}?`}
      confirm={`${verb} ${step}`}
      optional
      text={
        <>
          <p class="quiet">
            {isBrake ? 'Braked ' : 'Paused '}
            <PauseFacts pause={pause} />
            {pause.reason !== null && `: ${pause.reason}`}
          </p>
          <p>
            {jobsOf(steered)} begin again{isBrake && ', one at a time in each process at first'}.
          </p>
        </>
      }
      onConfirm={async (reason) => {
        const { changed } = await post<DoneAnswer>('resume', { step, ...(reason && { reason }) });
        if (!changed) tell({ text: `${step} was resumed already.` });
        else if (isBrake) tell({ text: `${step} is released.` });
        else
          tell({
            text: `${step} runs again.`,
            undo: () => tryTo('pause', againFor(step, pause), `${step} is paused again.`, onDone),
          });
        onDone();
      }}
      onClose={onClose}
    />
  );
}

function jobsOf({ due }: Steered): string {
  return due === undefined ? 'Its jobs' : `Its jobs, ${due} of them due now,`;
}

function tryTo(path: string, request: PauseRequest, text: string, onDone: () => void): void {
  void post<DoneAnswer>(path, request)
    .then(
      () => tell({ text }),
      (error: Error) => tell({ text: error.message, failed: true }),
    )
    .then(onDone);
}

/** The same pause, for what is left of its time, a second at least. */
function againFor(step: string, { reason, until }: Pause): PauseRequest {
  const seconds = until === null ? null : Math.max(1, Math.round((Date.parse(until) - Date.now()) / 1000));
  return { step, reason: reason ?? 'Resume undone', ...(seconds !== null && { until: `${seconds}s` }) };
}
