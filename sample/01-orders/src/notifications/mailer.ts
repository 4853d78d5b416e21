import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { outboxIn, ShopConfig } from '../config/shop.config.js';
import { formatMail, type Mail } from './mail.js';

/** Delivers mail to a folder, as `.eml` files that every mail program can open. */
@Injectable()
export class Mailer implements OnModuleInit {
  private readonly outbox: string;

  constructor(private readonly config: ShopConfig) {
    this.outbox = outboxIn(config.dataFolder);
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.outbox, { recursive: true });
  }

  /**
   * Resolves when the mail is delivered. The same key is the same mail: it gets the same Message-ID, and
   * takes the place of the one that was delivered before.
   */
  async send(mail: Mail, key: string, signal: AbortSignal): Promise<void> {
    const id = key.replace(/[^A-Za-z0-9-]/g, '.');
    const file = join(this.outbox, `${id}.eml`);
    const draft = join(this.outbox, `${id}.${process.pid}.tmp`);
    // The mail is written completely or not at all. A crash may leave a draft behind.
    await writeFile(draft, formatMail(mail, id, new Date()), { flush: true });
    await rename(draft, file);
    // A real server, too, has the mail some time before its answer arrives. A process that dies in between
    // has sent the mail and does not know it.
    if (this.config.mailLatency > 0) await wait(this.config.mailLatency, undefined, { signal });
  }
}
