export function say(text: string): void {
  console.log(text);
}

export function heading(text: string): void {
  say(`\n${text}`);
}

export function pad(count: number): string {
  return String(count).padStart(4);
}
