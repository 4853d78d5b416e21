import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { createTransport, type Transporter } from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer';
import { outboxIn, ShopConfig } from '../config/shop.config.js';
import type { Mail } from './mail.js';

const DOMAIN = 'shop.example.com';
const SENDER = { name: 'Fern and Ladle', address: `orders@${DOMAIN}` };

/** Shorter than the time-out of the step. */
const TIMEOUTS_MS = { connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 15_000 };

/** Sends mail, and keeps a copy of what was sent: `.eml` files that every mail program can open. */
@Injectable()
export class Mailer implements OnModuleInit {
  private readonly logger = new Logger(Mailer.name);
  private readonly outbox: string;
  /** Each mail has a connection of its own. With thousands of them, add `pool: true`. */
  private readonly server: Transporter | undefined;

  constructor(private readonly config: ShopConfig) {
    this.outbox = outboxIn(config.dataFolder);
    if (config.smtpUrl) this.server = createTransport({ url: config.smtpUrl, ...TIMEOUTS_MS });
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.outbox, { recursive: true });
  }

  /**
   * Resolves when the mail server has accepted the mail. The same key is the same mail: it gets the same Message-ID, by which mail servers and
   * mail programs recognize a repetition.
   */
  async send(mail: Mail, key: string, signal: AbortSignal): Promise<void> {
    const id = key.replace(/[^A-Za-z0-9-]/g, '.');
    const composed = new MailComposer({
      ...mail,
      from: SENDER,
      messageId: `<${id}@${DOMAIN}>`,
      textEncoding: 'quoted-printable',
      newline: 'windows',
    }).compile();
    const message = await composed.build();
    if (this.server) await this.server.sendMail({ raw: message, envelope: composed.getEnvelope(), signal });
    else this.show(mail);
    await this.keep(id, message);
    // A server has the mail some time before its answer arrives. A process that dies in between has sent the mail and does not know it.
    if (this.config.mailLatency > 0) await wait(this.config.mailLatency, undefined, { signal });
  }

  /** Without a mail server, the mail goes to the terminal. */
  private show({ to, subject, text }: Mail): void {
    this.logger.log(`E-mail to ${to.address}: ${subject}\n\n${text}\n`);
  }

  /** The copy is written completely or not at all. A crash may leave a draft behind. */
  private async keep(id: string, message: Buffer): Promise<void> {
    const draft = join(this.outbox, `${id}.${process.pid}.tmp`);
    await writeFile(draft, message, { flush: true });
    await rename(draft, join(this.outbox, `${id}.eml`));
  }
}
