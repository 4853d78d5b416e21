import { Copy } from './copy.js';
import { NEXT_ERROR } from './job-query.js';

interface Part {
  readonly head: string;
  readonly stack: string;
}

const STACK = /\n {4}at /;

/** An error with its causes, each in a paragraph of its own; stacks are folded. */
export function ErrorText({ text }: { readonly text: string }) {
  return (
    <div class="error-text">
      <div class="error-parts">
        {text
          .split(NEXT_ERROR)
          .map(read)
          .map(({ head, stack }, index) => (
            <div key={index} class={index === 0 ? undefined : 'cause'}>
              <p>{head}</p>
              {stack !== '' && (
                <details class="fold">
                  <summary>Stack, {stack.split('\n').length} lines</summary>
                  <pre tabIndex={0}>{stack}</pre>
                </details>
              )}
            </div>
          ))}
      </div>
      <Copy text={text} what="the error" />
    </div>
  );
}

function read(part: string): Part {
  const at = part.search(STACK);
  return at === -1
    ? { head: part, stack: '' }
    : { head: part.slice(0, at), stack: part.slice(at + 1).replace(/^ {4}/gm, '') };
}
