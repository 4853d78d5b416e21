import type { AuditAnswer } from '../../api.js';
import { counted } from '../format.js';
import { href, jobHref } from '../route.js';
import { AUDIT_TEXT } from './audit-text.js';
import { Time } from './time.js';
import './audit-table.css';

type Entry = AuditAnswer['entries'][number];

/** What was done by hand, the newest first. */
export function AuditTable({
  entries,
  ofJob = false,
}: {
  readonly entries: readonly Entry[];
  /** All of it was done to the job that is shown. */
  readonly ofJob?: boolean;
}) {
  return (
    <table class="table stacks audit-table">
      <thead>
        <tr>
          <th>When</th>
          <th>What</th>
          <th>Who</th>
          {!ofJob && <th>Job or step</th>}
          <th>Why</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Row key={`${entry.id} ${entry.at}`} entry={entry} ofJob={ofJob} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ entry, ofJob }: { readonly entry: Entry; readonly ofJob: boolean }) {
  const { at, by, action, gid, step, reason, count, detail } = entry;
  const isMany = !gid && !ABOUT_STEPS.has(action);
  const detailed = detail !== undefined && detail !== null;
  return (
    <tr>
      <td data-label="When">
        <Time at={at} />
      </td>
      <td data-label="What">
        {AUDIT_TEXT[action]}
        {isMany && ` ${counted(count, 'job')}`}
        {ofJob && step && `: ${step}`}
      </td>
      <td class="wide" data-label="Who">
        {by ?? <span class="quiet">{BY_ITSELF.has(action) ? 'Stepping itself' : 'not told'}</span>}
      </td>
      {!ofJob && (
        <td class="wide mono" data-label="Job or step">
          {gid && <a href={jobHref(gid)}>{gid}</a>}
          {gid && step && <br />}
          {step && <a href={href('jobs', { step })}>{step}</a>}
          {isMany && !step && <span class="quiet">all that matched</span>}
        </td>
      )}
      <td class="wide" data-label="Why">
        {reason ?? <span class="quiet">–</span>}
        {detailed && (
          <details class="fold">
            <summary>{action === 'edit' ? 'Arguments before' : 'Details'}</summary>
            <pre tabIndex={0}>{JSON.stringify(detail, null, 2)}</pre>
          </details>
        )}
      </td>
    </tr>
  );
}

const ABOUT_STEPS: ReadonlySet<Entry['action']> = new Set(['pause', 'resume', 'brake', 'release']);
const BY_ITSELF: ReadonlySet<Entry['action']> = new Set(['brake', 'release']);
