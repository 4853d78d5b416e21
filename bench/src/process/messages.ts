import type { ExecutionReport } from '../executions.ts';
import type { DatabaseKind } from '../orders.ts';
import type { Role } from '../contenders/contender.ts';

/** Options passed to a process when it starts. */
export interface ProcessSettings {
  readonly contender: string;
  readonly kind: DatabaseKind;
  readonly url: string;
  readonly shardUrls?: readonly string[];
  readonly jobsUrl?: string;
  readonly role: Role;
  readonly steps: 1 | 2;
}

export interface Commands {
  open: { params: []; answer: void };
  /** Places the orders with concurrent producers, and waits until nothing is pending. Returns milliseconds. */
  run: { params: [from: number, count: number, producers: number]; answer: number };
  /** The same without waiting. */
  place: { params: [from: number, count: number, producers: number]; answer: number };
  /** Places orders at a steady rate. Returns when each commit returned, in nanoseconds, by order. */
  pace: { params: [from: number, count: number, perSecond: number]; answer: Record<number, string> };
  pending: { params: []; answer: boolean };
  executions: { params: []; answer: ExecutionReport };
  /** Resolves when `total` steps have run since the start. */
  reached: { params: [total: number]; answer: void };
  /** What has run since the last call. The process then drops its record. */
  forget: { params: []; answer: ExecutionReport };
  /** Collects garbage (`--expose-gc`). Returns the remaining bytes of the heap and of the whole process. */
  collect: { params: []; answer: { readonly heap: number; readonly memory: number } };
  usage: { params: []; answer: Usage };
  close: { params: []; answer: void };
}

export interface Usage {
  /** Microseconds of CPU since `open`. */
  readonly cpu: number;
  /** Bytes of memory at the start (after `open`), and the peak since. */
  readonly memoryAtStart: number;
  readonly memoryAtMost: number;
}

export interface Request {
  readonly id: number;
  readonly command: keyof Commands;
  readonly params: unknown[];
}

export interface Response {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Sent unprompted while steps run. */
export interface Progress {
  readonly progress: number;
}
