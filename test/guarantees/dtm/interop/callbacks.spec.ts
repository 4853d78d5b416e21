import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { edited, payloadOf, valueOf, withBody } from '../../../support/dtm/edited.js';
import { SECRET } from '../../../support/dtm/dtm-place.js';
import { logOf } from '../../../support/log-lines.js';
import { describeInterop, type Scene } from '../../../support/dtm/scene.js';
import type { Answer, Call, Outgoing } from '../../../support/dtm/tap.js';

const NEW_SECRET = 'Ny7cBf3hGr8wMz5kPj';

/** What DTM has called for a job that was prepared and committed. */
async function recorded(scene: Scene): Promise<{ gid: string; query: Call; step: Call }> {
  const { gid } = await scene.app.prepared('commit');
  await scene.reaches(gid, 'succeed');
  const [query] = scene.toApp.of(gid, 'query-prepared');
  const [step] = scene.toApp.of(gid, 'step');
  return { gid, query: query!, step: step! };
}

async function answersTo(scene: Scene, calls: readonly Outgoing[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const call of calls) {
    const { answer, text } = await scene.toApp.send(call);
    // DTM would take these words for an answer, whatever the status.
    expect(text).not.toMatch(/FAILURE|ONGOING/);
    answers.push(answer);
  }
  return answers;
}

const unsigned = ({ query, step }: { query: Call; step: Call }): readonly Outgoing[] => [
  edited(query, { 'stepping-signature': [] }),
  withBody(step, { ...payloadOf(step), signature: undefined }),
];

describeInterop('callbacks that are signed', (scene) => {
  it('#18 are accepted as DTM sends them, and refused without a signature or with a wrong one', async () => {
    const calls = await recorded(scene());
    const { gid, query, step } = calls;
    const { signature, ...payload } = payloadOf(step);
    const token = JSON.parse(Buffer.from(valueOf(query, 'stepping-query'), 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...token, requestTimeout: 3 })).toString('base64url');
    const other = randomUUID();
    const runs = scene().app.recording.of(gid).length;
    const refused = await answersTo(scene(), [
      ...unsigned(calls),
      edited(query, { 'stepping-signature': ['A'.repeat(43)] }),
      edited(query, { 'stepping-signature': [signature as string] }),
      edited(query, { 'stepping-query': [forged] }),
      edited(query, { gid: [other] }),
      withBody(step, { signature: 'A'.repeat(43), ...payload }),
      withBody(step, { signature, ...payload, args: { orderId: 'mine' } }),
      withBody(step, { signature, ...payload, step: 'ping' }),
      withBody(step, { signature, ...payload, time: 1 }),
      withBody(step, { signature, ...payload, database: { dataSource: 'another' } }),
      withBody(step, { ...payload, signature }),
      withBody(step, ` ${step.body.toString()}`),
      withBody(step, `${step.body.toString()} `),
      withBody(step, step.body.toString().replace('",', '" ,')),
      edited(step, { gid: [other] }),
      edited(step, { branch_id: ['02'] }),
    ]);
    expect(refused).toEqual(refused.map(() => 'unauthenticated'));
    expect(scene().app.recording.of(gid)).toHaveLength(runs);
    expect(scene().app.recording.of(other)).toEqual([]);
    expect(await scene().barrier(other)).toEqual([]);

    // It has succeeded already.
    expect(await answersTo(scene(), [query, step])).toEqual(['success', 'success']);
    expect(scene().app.recording.of(gid)).toHaveLength(runs);
    const lines = logOf(gid).map(({ text }) => text);
    expect(lines.some((line) => line.includes('its signature fits none of the secrets'))).toBe(true);
    for (const secret of [SECRET, signature as string]) expect(lines.join()).not.toContain(secret);
  });
});

describeInterop('callbacks while the secret is changed', (scene) => {
  it('#18 are accepted with the old secret as long as that is in the list', async () => {
    const { query, step } = await recorded(scene());
    const answers = async (secrets: readonly string[]): Promise<Answer[]> => {
      await scene().app.close();
      await scene().start({ secrets });
      return answersTo(scene(), [query, step]);
    };
    expect(await answers([NEW_SECRET, SECRET])).toEqual(['success', 'success']);
    const { gid } = await scene().app.prepared('commit');
    await scene().reaches(gid, 'succeed');
    expect(await answers([NEW_SECRET])).toEqual(['unauthenticated', 'unauthenticated']);
    const signedAnew = scene().toApp.of(gid, 'query-prepared');
    expect(await answersTo(scene(), signedAnew)).toEqual(signedAnew.map(() => 'success'));
  });
});

describeInterop(
  'callbacks that are not signed',
  (scene) => {
    it('#18 are accepted without a signature', async () => {
      const { query, step } = await recorded(scene());
      expect(JSON.stringify([query.path, query.headers, payloadOf(step)])).not.toContain('signature');
      expect(await answersTo(scene(), [query, step])).toEqual(['success', 'success']);
    });

    it('#18 are no answer and no run when they are none that DTM makes', async () => {
      const { gid, query, step } = await recorded(scene());
      const other = randomUUID();
      const { requestTimeout, ...untimed } = payloadOf(step);
      const { time, ...dateless } = payloadOf(step);
      const at = (changes: Record<string, readonly string[]>) => [
        edited(query, { gid: [other], ...changes }),
        edited(step, { gid: [other], ...changes }),
      ];
      const token = (value: string) => Buffer.from(value).toString('base64url');
      const invalid = [
        ...at({ gid: [] }),
        ...at({ gid: [''] }),
        ...at({ gid: [other, gid] }),
        ...at({ trans_type: ['saga'] }),
        ...at({ trans_type: [] }),
        ...at({ op: ['compensate'] }),
        ...at({ branch_id: [] }),
        edited(query, { gid: [other], op: ['action'], branch_id: ['01'] }),
        edited(step, { gid: [other], op: ['msg'], branch_id: ['00'] }),
        edited(step, { gid: [other], branch_id: ['1; DROP'] }),
        ...[[], ['x'], [token('null')], [token('{}')], [token('[]')], [token('{"requestTimeout":"2"}')]].map(
          (values) => edited(query, { gid: [other], 'stepping-query': values }),
        ),
        ...['{"requestTimeout":2,"queryPreparedAfter":1}', '{"time":1,"requestTimeout":2}'].map((text) =>
          edited(query, { gid: [other], 'stepping-query': [token(text)] }),
        ),
        edited(query, {
          gid: [other],
          'stepping-query': [
            token('{"time":1,"queryPreparedAfter":1,"requestTimeout":2,"database":{"dataSource":7}}'),
          ],
        }),
        ...['', 'no JSON', 'null', '[]', '"text"', '{}', untimed, dateless, { requestTimeout, time }].map(
          (body) => withBody(step, body),
        ),
        withBody(step, { ...payloadOf(step), database: { dataSource: 7 } }),
        withBody(step, { ...payloadOf(step), requestTimeout: -1 }),
      ];
      // Whatever came of a gid that is none; the test beside this one has a job of its own.
      const runs = () =>
        scene().app.recording.executions.filter((run) => [gid, other].some((one) => run.gid.includes(one)));
      const before = runs().length;
      expect(await answersTo(scene(), invalid)).toEqual(invalid.map(() => 'invalid'));
      expect(runs()).toHaveLength(before);
      expect(await scene().barrier(other)).toEqual([]);
    });
  },
  { secrets: [] },
);

describeInterop('callbacks that are none of DTM', (scene) => {
  it('#18 are logged once, as DTM repeats them', async () => {
    const { gid, query } = await recorded(scene());
    const none = edited(query, { trans_type: ['saga'] });
    expect(await answersTo(scene(), [none, none])).toEqual(['invalid', 'invalid']);
    expect(await answersTo(scene(), [none])).toEqual(['invalid']);
    expect(logOf(gid).filter(({ text }) => text.includes('no call of DTM'))).toHaveLength(1);
  });
});
