/**
 * Each process tells every second that it lives, and is `gone` after three seconds without a word. The default of 10 s is the better
 * choice for a service; all processes must have the same, since each judges the others by its own.
 */
export const MONITORING = { heartbeat: '1s' } as const;
