export function say(text: string): void {
  console.log(text);
}

export function heading(text: string): void {
  say(`\n${text}`);
}

export function row(name: string, count: number, remark = ''): void {
  say(`   ${name.padEnd(18)}${String(count).padStart(6)}  ${remark}`.trimEnd());
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
