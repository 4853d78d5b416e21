export function say(text: string): void {
  console.log(text);
}

export function heading(text: string): void {
  say(`\n${text}`);
}
