import { MAX_STORED_DURATION_MS, parseDuration, type Duration } from '../../../core/duration.js';
import { LineLogger } from '../../../core/line-logger.js';
import { checkNote, checkPause } from '../../../core/jobs/steering-options.js';
import { isName, NAME_RULE } from '../../../core/name.js';
import type { ActionNote } from '../../../core/operations/action-note.js';
import type { PauseOptions } from '../../../core/operations/stepping-operations.js';
import { InvalidOptionError } from '../../../errors/index.js';
import type { ControlStore } from '../../../store/control-store.js';
import { stepEntry, type AuditStore, type NewAuditEntry } from '../../../store/steering/audit-store.js';
import { encodeValue } from './control-value.js';
import { noteInAudit } from './note-in-audit.js';
import type { StepControls } from './step-controls.js';

/** Pauses steps in all processes, and resumes them. */
export class StepPauses {
  private readonly logger = new LineLogger('SteppingControls');

  constructor(
    private readonly store: ControlStore,
    private readonly audit: AuditStore,
    private readonly controls: StepControls,
    /** Tells other processes that the controls have changed. */
    private readonly notify: () => void,
  ) {}

  async pause(step: string, options: PauseOptions): Promise<void> {
    checkStep(step);
    const { until, reason, by } = checkPause(options);
    const note = { reason, by: by ?? null };
    const endsIn = until === undefined ? null : await this.endsIn(until);
    const names = this.controls.namesOf(step);
    const [name] = names as [string];
    await this.store.set('pause', name, { ...note, value: encodeValue({ names }), endsIn });
    await this.changed(stepEntry('pause', name, reason, note.by));
  }

  async resume(step: string, note: ActionNote = {}): Promise<boolean> {
    checkStep(step);
    const { reason = null, by = null } = checkNote(note);
    // What cannot be read is no pause that has ended.
    const read = (await this.controls.refresh()) ? undefined : await this.store.read();
    const [name] = this.controls.namesOf(step) as [string];
    const wasPaused = this.controls.isPaused(step);
    let resumed = false;
    const controls = this.controls.controlsOf(step, read);
    for (const kind of ['pause', 'brake'] as const) {
      const targets = controls.filter((control) => control.kind === kind).map(({ target }) => target);
      const removed = targets.length > 0 && (await this.store.remove(kind, targets));
      // A brake that only counts is removed as well. Of several who resume a step, one has done it.
      resumed ||= removed && (kind === 'pause' || wasPaused);
    }
    if (resumed) await this.changed(stepEntry('resume', name, reason, by));
    return resumed;
  }

  /** This process obeys before the call returns. */
  private async changed(entry: NewAuditEntry): Promise<void> {
    await this.controls.refresh();
    this.notify();
    await noteInAudit(this.audit, entry, this.logger);
  }

  private async endsIn(until: Date | Duration): Promise<number> {
    if (!(until instanceof Date)) {
      return parseDuration(until, 'pause.until', { min: 1, max: MAX_STORED_DURATION_MS });
    }
    const endsIn = until.getTime() - (await this.store.now()).getTime();
    // Written so that an invalid date fails as well.
    if (endsIn > 0 && endsIn <= MAX_STORED_DURATION_MS) return endsIn;
    throw new InvalidOptionError('pause.until', until, 'a time to come, by the clock of the database');
  }
}

function checkStep(step: unknown): void {
  if (!isName(step)) throw new InvalidOptionError('the name of the step', step, NAME_RULE);
}
