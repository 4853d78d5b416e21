/** How long a codec or a constraint of the application may keep those waiting who start a job: a transaction may be open meanwhile. */
export const APPLICATION_PATIENCE_MS = 10_000;
