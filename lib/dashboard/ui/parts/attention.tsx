import { useState } from 'preact/hooks';
import type { OverviewAnswer } from '../../api.js';
import { AttentionItem, type AttentionActions } from './attention-item.js';
import { BulkDialog } from './bulk-dialog.js';
import { Button } from './button.js';
import { Card } from './card.js';
import { failuresByStep, type Shown } from './failures.js';
import { Shape } from './status.js';
import { useSteering } from './steering.js';
import './attention.css';

const FIRST = 5;

/** What somebody should look at, each with what can be done about it. */
export function NeedsAttention({
  answer,
  onDone,
}: {
  readonly answer: OverviewAnswer | undefined;
  readonly onDone: () => void;
}) {
  const [all, showAll] = useState(false);
  const [retried, retry] = useState<string | null>(null);
  const { steer, dialog } = useSteering(onDone);
  const entries = failuresByStep(answer?.attention ?? []);
  const actions: AttentionActions = { retry, steer, isDown: answer?.health?.status === 'down' };
  return (
    <>
      {entries.length === 0 ? (
        <p class="card attention calm">
          {answer ? (
            <>
              <Shape tone="green" /> Nothing needs attention.
            </>
          ) : (
            '\u00a0'
          )}
        </p>
      ) : (
        <Card title="Needs attention" note={entries.length}>
          <ul class="attention-list">
            {(all ? entries : entries.slice(0, FIRST)).map((entry) => (
              <AttentionItem key={keyOf(entry)} entry={entry} actions={actions} />
            ))}
          </ul>
          {entries.length > FIRST && (
            <div class="attention-more">
              <Button kind="plain" small onClick={() => showAll(!all)}>
                {all ? 'Show fewer' : `Show all ${entries.length}`}
              </Button>
            </div>
          )}
        </Card>
      )}
      {dialog}
      {retried !== null && (
        <BulkDialog
          action="retry"
          filter={{ status: 'failed', step: retried }}
          onDone={onDone}
          onClose={() => retry(null)}
        />
      )}
    </>
  );
}

/** Stays the same while the numbers change, so that a button keeps its focus. */
function keyOf(entry: Shown): string {
  switch (entry.kind) {
    case 'problem':
      return `problem ${entry.code} ${entry.step ?? ''}`;
    case 'gone':
      return `gone ${entry.id}`;
    case 'slow':
      return `slow ${entry.gid}`;
    default:
      return `${entry.kind} ${entry.step}`;
  }
}
