import { LineLogger } from '../../core/line-logger.js';
import { RecentKeys } from './recent-keys.js';

const WINDOW_MS = 10_000;
const LINES_PER_WINDOW = 5;
/** How many of those that are told once are remembered. */
const REMEMBERED = 1000;

/**
 * Logs calls that were refused. Anybody who reaches the callbacks can cause such lines, so there are a few of them in ten
 * seconds, and one that counts the others.
 */
export class RefusalLog {
  private readonly logger = new LineLogger('DtmCallbacks');
  private readonly told = new RecentKeys(REMEMBERED);
  private lines = 0;
  private others = 0;
  private window: NodeJS.Timeout | undefined;

  /** @param once Not again, since DTM repeats the call with ever longer waits. */
  add(text: string, once: boolean): void {
    if (once && this.told.has(text)) return;
    if (once) this.told.add(text);
    this.window ??= setTimeout(() => this.close(), WINDOW_MS).unref();
    if (this.lines < LINES_PER_WINDOW) {
      this.lines += 1;
      this.logger.warn(text);
    } else this.others += 1;
  }

  /** Tells what was not told yet. */
  close(): void {
    clearTimeout(this.window);
    this.window = undefined;
    if (this.others > 0) this.logger.warn(`${this.others} more callbacks were refused.`);
    this.lines = this.others = 0;
  }
}
