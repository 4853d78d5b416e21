import { writeSync } from 'node:fs';
import { realNow } from './clock.js';

/** Writes one message synchronously, so that it arrives even before a SIGKILL. */
export function tell(message: Record<string, unknown>): void {
  const line = Buffer.from(`${JSON.stringify({ ...message, at: realNow() })}\n`);
  for (let written = 0; written < line.length;) {
    try {
      written += writeSync(1, line, written);
    } catch (error) {
      // The pipe is full: the reader is slow, not gone.
      if ((error as { code?: string }).code !== 'EAGAIN') throw error;
    }
  }
}
