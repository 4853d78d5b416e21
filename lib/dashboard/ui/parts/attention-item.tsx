import type { ComponentChildren } from 'preact';
import type { DashboardAction, Feature } from '../../api.js';
import { bounded, counted, duration, integer } from '../format.js';
import { href, jobHref } from '../route.js';
import { Button } from './button.js';
import { errorLine, type FailedAtStep, type Shown } from './failures.js';
import { PauseFacts } from './pause-state.js';
import { usePermission } from './session.js';
import { Shape, type Tone } from './status.js';
import type { Steered } from './steering.js';
import { Time } from './time.js';

/** What can be started from an entry. */
export interface AttentionActions {
  readonly retry: (step: string) => void;
  readonly steer: (steered: Steered) => void;
  /** Problems of health are shown as grave as it is. */
  readonly isDown: boolean;
}

/** One thing that somebody should look at: a sentence, why, and what can be done about it. */
export function AttentionItem({
  entry,
  actions,
}: {
  readonly entry: Shown;
  readonly actions: AttentionActions;
}) {
  switch (entry.kind) {
    case 'problem':
      return (
        <Item tone={actions.isDown ? 'red' : 'amber'} text={entry.text}>
          {entry.step === undefined ? <ProcessesLink /> : <JobsLink step={entry.step} status="submitted" />}
        </Item>
      );
    case 'failed':
      return <Failed entry={entry} retry={actions.retry} />;
    case 'notProvided':
      return (
        <Item
          tone="amber"
          text={
            <>
              {bounded({ count: entry.due, more: entry.more })} {entry.due === 1 ? 'job is' : 'jobs are'} due
              at <b>{entry.step}</b>, and no live process provides it.
            </>
          }
          detail="They wait until one does."
        >
          <JobsLink step={entry.step} status="submitted" />
        </Item>
      );
    case 'paused':
      return <Paused entry={entry} steer={actions.steer} />;
    case 'gone':
      return (
        <Item
          tone="amber"
          text={
            <>
              <b>{entry.process}</b> has gone without a word, and held {counted(entry.held, 'job')}.
            </>
          }
          detail={
            <>
              Last heard of <Time at={entry.seenAt} />. Others take its jobs when the leases expire.
            </>
          }
        >
          <ProcessesLink />
        </Item>
      );
    case 'slow':
      return (
        <Item
          tone="amber"
          text={
            <>
              An attempt of <b>{entry.step}</b> takes longer than usual: it began <Time at={entry.since} />.
            </>
          }
          detail={`On ${entry.process}. 99 of 100 take at most about ${duration(entry.p99Ms)}.`}
        >
          <a href={jobHref(entry.gid)}>Show the job</a>
        </Item>
      );
  }
}

function Failed({ entry, retry }: { readonly entry: FailedAtStep; readonly retry: (step: string) => void }) {
  const { step, count, errors } = entry;
  const jobs = `${bounded(entry)} ${count === 1 ? 'job' : 'jobs'}`;
  return (
    <Item
      tone="red"
      text={
        <>
          {jobs} {count === 1 ? 'has' : 'have'} failed at <b>{step}</b>, last <Time at={errors[0]!.lastAt} />.
        </>
      }
      detail={errors.slice(0, 3).map((error) => (
        <p key={error.gid}>
          <code>{errorLine(error)}</code>
          {errors.length > 1 && ` × ${integer(error.count)}`}
        </p>
      ))}
    >
      <JobsLink step={step} status="failed" />
      <Act action="retry" feature="bulk" verb={`Retry ${jobs}`} step={step} onClick={() => retry(step)} />
    </Item>
  );
}

function Paused({
  entry: { step, pause },
  steer,
}: {
  readonly entry: Extract<Shown, { readonly kind: 'paused' }>;
  readonly steer: AttentionActions['steer'];
}) {
  const isBrake = pause.kind === 'brake';
  return (
    <Item
      tone={isBrake ? 'amber' : 'grey'}
      text={
        <>
          <b>{step}</b> is {isBrake ? 'braked, since it failed too often' : 'paused'}
          {pause.reason !== null && `: ${pause.reason}`}
        </>
      }
      detail={
        <>
          {isBrake ? 'Braked ' : 'Paused '}
          <PauseFacts pause={pause} />.
        </>
      }
    >
      <JobsLink step={step} status="submitted" />
      <Act
        action="pause"
        feature="pause"
        verb={isBrake ? 'Release' : 'Resume'}
        step={step}
        onClick={() => steer({ step, pause })}
      />
    </Item>
  );
}

function Act({
  action,
  feature,
  verb,
  step,
  onClick,
}: {
  readonly action: DashboardAction;
  readonly feature: Feature;
  readonly verb: string;
  readonly step: string;
  readonly onClick: () => void;
}) {
  const { allowed, unavailable } = usePermission(action, feature);
  if (!allowed) return null;
  return (
    <Button small unavailable={unavailable} onClick={onClick} label={`${verb} ${step}`}>
      {verb}
    </Button>
  );
}

function Item({
  tone,
  text,
  detail,
  children,
}: {
  readonly tone: Tone;
  readonly text: ComponentChildren;
  readonly detail?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <li class="attention">
      <Shape tone={tone} />
      <div class="attention-text">
        <p>{text}</p>
        {detail && <div class="hint">{detail}</div>}
      </div>
      <div class="attention-actions">{children}</div>
    </li>
  );
}

function JobsLink({ step, status }: { readonly step: string; readonly status: string }) {
  return (
    <a href={href('jobs', { status, step })} aria-label={`Show jobs at ${step}`}>
      Show jobs
    </a>
  );
}

function ProcessesLink() {
  return <a href={href('processes')}>Show processes</a>;
}
