import { LineLogger } from '../core/line-logger.js';

const WINDOW_MS = 60_000;
const LINES_PER_WINDOW = 5;

/** Logs what requests can cause: a few lines a minute, and then how many more there were. */
export class FewLines {
  private readonly logger = new LineLogger('SteppingDashboard');
  private began = Number.NEGATIVE_INFINITY;
  private lines = 0;

  error(text: string): void {
    const now = performance.now();
    if (now - this.began >= WINDOW_MS) {
      const untold = this.lines - LINES_PER_WINDOW;
      if (untold > 0) this.logger.error(`${untold} more requests of the dashboard have failed.`);
      this.began = now;
      this.lines = 0;
    }
    this.lines += 1;
    if (this.lines <= LINES_PER_WINDOW) this.logger.error(text);
  }
}
