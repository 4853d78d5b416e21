import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeBackends, type Backend } from '../support/database.js';
import { Databases } from '../support/placements.js';
import { Console } from './console.js';

const SECRET = 'hunter2x9';
const MASK = '••••••';

/** What libraries and databases write into their errors, and what is shown of it. */
const TEXTS: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['a key of two words', `Declined. Card number: ${SECRET}`, `Declined. Card number: ${MASK}`],
  ['two words before `=`', `no secret key=${SECRET} here`, `no secret key=${MASK} here`],
  [
    'a URL in a URL',
    `GET /in?next=%2Fcb%3Ftoken%3D${SECRET}%26a%3Db`,
    `GET /in?next=%2Fcb%3Ftoken%3D${MASK}%26a%3Db`,
  ],
  [
    'JSON in a URL',
    `/q?v=%7B%22password%22%3A%22${SECRET}%22%7D&p=2`,
    `/q?v=%7B%22password%22%3A%22${MASK}%22%7D&p=2`,
  ],
  ['a wide colon', `password：${SECRET}`, `password：${MASK}`],
  ['CDATA', `<a><password><![CDATA[${SECRET}]]></password></a>`, `<a><password>${MASK}</password></a>`],
  [
    'PostgreSQL',
    `Key (user_id, token)=(1, ${SECRET}) already exists.`,
    `Key (user_id, token)=(${MASK}) already exists.`,
  ],
  [
    'PostgreSQL, of an expression',
    `Key (lower(token))=(${SECRET}) already exists.`,
    `Key (lower(token))=(${MASK}) already exists.`,
  ],
  [
    'MySQL',
    `Duplicate entry '${SECRET}' for key 'users.token'`,
    `Duplicate entry '${MASK}' for key 'users.token'`,
  ],
  [
    'a long text of `util.inspect`',
    `{ password: 'first\\n' +\n    'then ${SECRET}\\n' +\n    '${SECRET}', n: 1 }`,
    `{ password: '${MASK}', n: 1 }`,
  ],
  [
    'a command line',
    `Command failed: mysql --password ${SECRET} -h db`,
    `Command failed: mysql --password ${MASK} -h db`,
  ],
  ['another script', `पासवर्ड: ${SECRET}`, `पासवर्ड: ${MASK}`],
  ['a letter of two characters', `${'clé'.normalize('NFD')}=${SECRET}`, `${'clé'.normalize('NFD')}=${MASK}`],
];

/** What has nothing to hide stays as it is. */
const HARMLESS = [
  'Order number: 7 of 9',
  'Key (id, name)=(1, Ann) already exists.',
  "Duplicate entry 'ann' for key 'users.name'",
  'GET /in?next=%2Fcb%3Fpage%3D2%26a%3Db 50%',
  'Token expired. Number of attempts: 3',
  'git --no-pager log --stat x',
];

describeBackends(
  'in the text of an error',
  (backend: Backend) => {
    let databases: Databases;
    let page: Console;
    beforeAll(async () => {
      databases = await Databases.create(backend, 'one');
      page = await Console.start(databases, {
        dashboard: { mask: [/pass|secret|token|authorization|card|पासवर्ड|clé/i] },
      });
    });
    afterAll(async () => {
      await page?.close();
      await databases?.drop();
    });

    const shown = async (text: string): Promise<string> => {
      const gid = await page.failed('charge', {}, text);
      return (await page.ask('job', { gid })).json.job.error;
    };

    it.each(TEXTS)('a secret is masked that is named as in %s', async (_what, text, expected) => {
      const error = await shown(text);
      expect(error).not.toContain(SECRET);
      expect(error).toContain(expected);
    });

    it.each(HARMLESS)('%j is shown as it is', async (text) => {
      expect(await shown(text)).toContain(text);
    });

    it('the audit shows what cannot be seen in the name of somebody', async () => {
      const other = await Console.start(databases, { dashboard: { actor: () => 'ada\n\u202e' } });
      try {
        await other.post('pause', { step: 'send-email', reason: 'look' });
        const [entry] = (await other.jobs.audit({ step: 'send-email' })).entries;
        expect(entry?.by).toBe('ada\\n\\u{202e}');
      } finally {
        await other.close();
      }
    });

    it('a key of arguments is known however its letters are written', async () => {
      const gid = await page.failed('charge', { ['clé'.normalize('NFD')]: SECRET, ｔｏｋｅｎ: SECRET, n: 1 });
      const { text } = await page.ask('job', { gid, args: 'true' });
      expect(text).not.toContain(SECRET);
    });
  },
  ['sqlite'],
);
