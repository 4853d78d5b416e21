import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { PAGE_HTML } from './page.generated.js';

/** The page with what it is sent with. */
interface Page {
  readonly html: Buffer;
  readonly gzip: Buffer;
  readonly tag: string;
  readonly policy: string;
}

let made: Page | undefined;

/** It is the same for everybody, and made when somebody asks for it first. */
export function page(): Page {
  made ??= {
    html: Buffer.from(PAGE_HTML),
    gzip: gzipSync(PAGE_HTML, { level: 9 }),
    tag: tagOf(PAGE_HTML),
    policy: policyOf(PAGE_HTML),
  };
  return made;
}

/** A weak tag, since one answer has several encodings. */
export function tagOf(text: string): string {
  return `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}

/** Whether `If-None-Match` names the tag. Proxies that compress make strong tags weak. */
export function isKnown(tag: string, ifNoneMatch: string): boolean {
  const bare = tag.replace(/^W\//, '');
  return ifNoneMatch.split(',').some((given) => given.trim().replace(/^W\//, '') === bare);
}

/** Nothing but what is written in the page itself runs, and it speaks with its own origin alone. */
function policyOf(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashesOf(html, 'script')}`,
    `style-src ${hashesOf(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function hashesOf(html: string, element: 'script' | 'style'): string {
  const texts = [...html.matchAll(new RegExp(`<${element}[^>]*>(.*?)</${element}>`, 'gs'))];
  return texts.map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`).join(' ');
}
