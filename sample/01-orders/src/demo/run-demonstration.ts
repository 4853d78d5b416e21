import { mkdir, readdir, rm } from 'node:fs/promises';
import { DEFAULT_FOLDERS, mailboxIn } from '../config/shop.config.js';
import { Demonstration } from './demonstration.js';
import { MailServer } from './mail-server.js';
import { freePort } from './service-process.js';
import { say } from './terminal.js';

/** Runs the demonstration in the terminal and returns the exit code. */
export async function runDemonstration(folder?: string): Promise<number> {
  // The service ends with this process, also when it is interrupted.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  let mailServer: MailServer | undefined;
  try {
    const fresh = await freshFolder(folder);
    mailServer = await MailServer.start(mailboxIn(fresh));
    return await new Demonstration(fresh, await freePort(), mailServer).run();
  } catch (error) {
    say(`\nThe demonstration failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await mailServer?.stop();
  }
}

/** Every demonstration starts with an empty shop. Only its own folder is emptied. */
async function freshFolder(given: string | undefined): Promise<string> {
  const folder = given ?? DEFAULT_FOLDERS.demonstration;
  if (given === undefined) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new Error(`The folder ${folder} is not empty`);
  return folder;
}
