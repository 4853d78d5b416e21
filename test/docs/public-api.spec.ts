import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { afterAll, expect, it } from 'vitest';
import { EntryPoints, entryFiles, root } from './entry-points.js';

mkdirSync(join(root, 'build'), { recursive: true });
const folder = mkdtempSync(join(root, 'build', 'public-api-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What lacks a doc comment among the exports of some files, and the members of those. */
function undocumented(files: readonly string[]): string[] {
  const entries = new EntryPoints(files);
  const symbols = new Set(files.flatMap((file) => entries.exportsOf(file)));
  return [...symbols].flatMap((symbol) => problemsOf(symbol, entries.checker));
}

function problemsOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  const problems: string[] = [];
  if (!isDocumented(symbol, checker)) problems.push(describe(symbol, symbol.name, 'has no doc comment'));
  if (!hasTag(symbol, 'publicApi', checker)) {
    problems.push(describe(symbol, symbol.name, 'lacks @publicApi'));
  }
  for (const member of membersOf(symbol, checker)) {
    if (isDocumented(member, checker) || hasTag(member, 'internal', checker)) continue;
    problems.push(describe(member, `${symbol.name}.${member.name}`, 'has no doc comment'));
  }
  return problems;
}

/** A method that implements or overrides a documented one has its comment. */
function isDocumented(symbol: ts.Symbol, checker: ts.TypeChecker): boolean {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim() !== '';
}

function hasTag(symbol: ts.Symbol, tag: string, checker: ts.TypeChecker): boolean {
  return symbol.getJsDocTags(checker).some(({ name }) => name === tag);
}

/** The public members that a class, an interface or an object type declares itself, static ones included. */
function membersOf(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol[] {
  const members = [...(symbol.members?.values() ?? [])];
  if (symbol.flags & ts.SymbolFlags.Class) members.push(...(symbol.exports?.values() ?? []));
  if (symbol.flags & ts.SymbolFlags.TypeAlias) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const declaration = symbol.declarations?.[0];
    if (declaration && ts.isTypeAliasDeclaration(declaration) && ts.isTypeLiteralNode(declaration.type)) {
      members.push(...type.getProperties());
    }
  }
  return members.filter(isPublicMember);
}

function isPublicMember(member: ts.Symbol): boolean {
  const described =
    ts.SymbolFlags.Property | ts.SymbolFlags.Method | ts.SymbolFlags.Accessor | ts.SymbolFlags.EnumMember;
  if (!(member.flags & described) || member.flags & ts.SymbolFlags.Prototype) return false;
  return (member.declarations ?? []).every((declaration) => {
    const name = ts.getNameOfDeclaration(declaration);
    if (name && ts.isPrivateIdentifier(name)) return false;
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    return !(ts.getCombinedModifierFlags(declaration) & hidden);
  });
}

function describe(symbol: ts.Symbol, name: string, problem: string): string {
  const declaration = symbol.declarations?.[0];
  const file = declaration ? relative(root, declaration.getSourceFile().fileName) : '';
  return `${file}: ${name} ${problem}`;
}

it(
  'everything that the entry points export, and its public members, has a doc comment',
  { timeout: 120_000 },
  () => {
    const files = entryFiles.map((file) => join(root, file));
    const entries = new EntryPoints(files);
    expect(files.flatMap((file) => entries.exportsOf(file)).length).toBeGreaterThan(80);
    expect(undocumented(files)).toEqual([]);
  },
);

it('a missing comment is seen', { timeout: 120_000 }, () => {
  const file = join(folder, 'index.ts');
  writeFileSync(
    file,
    `
    /** Says what it is, but not that it is public. */
    export interface Untagged {
      /** Described. */
      readonly known: string;
    }
    /** @publicApi */
    export const nothingSaid = 1;
    /** Described. @publicApi */
    export class Box {
      constructor(
        readonly parameter: string,
        /** Described. */
        readonly described: string,
        private readonly hidden: string,
      ) {}
      static make(): Box { return new Box('', '', ''); }
      method(): string { return this.hidden; }
      get accessor(): string { return this.#own; }
      readonly #own = '';
      protected inner(): void {}
      /** @internal For the library. */
      own(): void {}
    }
    /** Described. @publicApi */
    export interface Base {
      /** Described. */
      run(): void;
    }
    /** Described. @publicApi */
    export class Derived implements Base { run(): void {} }
    /** Described. @publicApi */
    export type Literal = { readonly member: string };
    `,
  );
  expect(undocumented([file]).map((problem) => problem.split(': ')[1])).toEqual([
    'Untagged lacks @publicApi',
    'nothingSaid has no doc comment',
    'Box.parameter has no doc comment',
    'Box.method has no doc comment',
    'Box.accessor has no doc comment',
    'Box.make has no doc comment',
    'Literal.member has no doc comment',
  ]);
});
