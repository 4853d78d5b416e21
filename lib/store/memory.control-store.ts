import { ControlStore, type Control, type ControlKind, type ControlValues } from './control-store.js';

/**
 * Keeps the controls of one process, whose jobs are in memory as well.
 *
 * @internal Internal to the library: it changes without notice.
 */
export class MemoryControlStore extends ControlStore {
  private readonly controls = new Map<string, Control>();

  override async read(): Promise<Control[]> {
    return [...this.controls.values()].map(current);
  }

  override async find(kind: ControlKind, target: string): Promise<Control | null> {
    const control = this.controls.get(keyOf(kind, target));
    return control ? current(control) : null;
  }

  override async set(kind: ControlKind, target: string, values: ControlValues): Promise<void> {
    this.write(kind, target, values, new Date());
  }

  override async insert(kind: ControlKind, target: string, values: ControlValues): Promise<boolean> {
    if (this.controls.has(keyOf(kind, target))) return false;
    this.write(kind, target, values, new Date());
    return true;
  }

  override async replace(
    kind: ControlKind,
    target: string,
    value: string,
    values: ControlValues,
    again: boolean,
  ): Promise<boolean> {
    const control = this.controls.get(keyOf(kind, target));
    if (control?.value !== value) return false;
    this.write(kind, target, values, again ? new Date() : control.since);
    return true;
  }

  override async remove(kind: ControlKind, targets: readonly string[]): Promise<boolean> {
    return targets.filter((target) => this.controls.delete(keyOf(kind, target))).length > 0;
  }

  override async removeEnded(kind: ControlKind, target: string, value: string): Promise<void> {
    const control = this.controls.get(keyOf(kind, target));
    if (control?.value !== value || (current(control).endsIn ?? 1) > 0) return;
    this.controls.delete(keyOf(kind, target));
  }

  override async now(): Promise<Date> {
    return new Date();
  }

  override async elapse(milliseconds: number): Promise<void> {
    for (const [key, control] of this.controls) {
      const { since, until } = control;
      this.controls.set(key, {
        ...control,
        since: new Date(since.getTime() - milliseconds),
        until: until && new Date(until.getTime() - milliseconds),
      });
    }
  }

  private write(kind: ControlKind, target: string, values: ControlValues, since: Date): void {
    const { endsIn } = values;
    const until = endsIn === null ? null : new Date(Date.now() + endsIn);
    this.controls.set(keyOf(kind, target), { ...values, kind, target, since, until });
  }
}

function current(control: Control): Control {
  const { until } = control;
  return { ...control, endsIn: until === null ? null : until.getTime() - Date.now() };
}

function keyOf(kind: ControlKind, target: string): string {
  return `${kind} ${target}`;
}
