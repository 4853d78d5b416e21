import { isRecord } from '../../../core/options.js';
import type { Control } from '../../../store/control-store.js';

/** What the column `value` of a control holds, as JSON. */
export interface ControlValue {
  /** The names of the step and its aliases, as the process that wrote it knew them: others may not know the step. */
  readonly names: readonly string[];
}

export function encodeValue(value: ControlValue): string {
  return JSON.stringify(value);
}

/** Undefined for a text that nobody of the library has written. */
export function decodeValue({
  value,
}: Pick<Control, 'value'>): (ControlValue & Record<string, unknown>) | undefined {
  try {
    const decoded: unknown = JSON.parse(value);
    if (!isRecord(decoded) || !Array.isArray(decoded.names)) return undefined;
    if (!decoded.names.every((name) => typeof name === 'string')) return undefined;
    return { ...decoded, names: decoded.names };
  } catch {
    return undefined;
  }
}
