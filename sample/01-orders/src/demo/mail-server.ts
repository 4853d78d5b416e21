import { mkdir, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** An answer of a mail server that is no acceptance. */
export interface Refusal {
  /** 4xx: come back later. 5xx: never. */
  readonly code: number;
  readonly text: string;
  /** How many mails are answered so. */
  readonly times: number;
}

type Answer = (error?: Error | null) => void;

/** A mail server in this process, on a free port. What it accepts is in its mailbox, as `.eml` files. */
export class MailServer {
  private readonly refusals = new Map<string, Refusal>();
  private accepted = 0;
  /** From this mail on, it does not say that it has accepted. */
  private silentFrom = Infinity;
  private unansweredFiles: string[] = [];

  private readonly server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1000,
    onRcptTo: ({ address }, _session, answer) => answer(this.refusalOf(address)),
    onData: (stream, _session, answer) => void this.accept(stream, answer),
  });

  private constructor(private readonly mailbox: string) {}

  static async start(mailbox: string): Promise<MailServer> {
    await mkdir(mailbox, { recursive: true });
    const mails = new MailServer(mailbox);
    // A client that is killed breaks its connection.
    mails.server.on('error', () => undefined);
    await new Promise<void>((resolve) => mails.server.listen(0, '127.0.0.1', resolve));
    return mails;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  /** The files of mails whose senders do not know that they were accepted. */
  get unanswered(): readonly string[] {
    return this.unansweredFiles;
  }

  refuse(address: string, refusal: Refusal): void {
    this.refusals.set(address, refusal);
  }

  /** Goes on to accept mails, and says nothing any more after some. */
  fallSilentAfter(mails: number): void {
    this.silentFrom = this.accepted + mails;
  }

  /** Says again what it accepts. Those who have waited for an answer are gone. */
  speakAgain(): void {
    this.silentFrom = Infinity;
    this.unansweredFiles = [];
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
  }

  private refusalOf(address: string): Error | null {
    const refusal = this.refusals.get(address);
    if (!refusal || refusal.times === 0) return null;
    this.refusals.set(address, { ...refusal, times: refusal.times - 1 });
    return Object.assign(new Error(refusal.text), { responseCode: refusal.code });
  }

  private async accept(stream: Readable, answer: Answer): Promise<void> {
    try {
      const message = await buffer(stream);
      this.accepted += 1;
      const silent = this.accepted > this.silentFrom;
      const file = `${String(this.accepted).padStart(4, '0')}.eml`;
      await writeFile(join(this.mailbox, file), message);
      if (silent) this.unansweredFiles.push(file);
      else answer();
    } catch (error) {
      answer(error as Error);
    }
  }
}
