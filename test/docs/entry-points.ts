import { join } from 'node:path';
import ts from 'typescript';

/** The root of the repository, with a slash at its end. */
export const root = new URL('../..', import.meta.url).pathname;

/** The files behind the entry points of the package. */
export const entryFiles: readonly string[] = [
  'lib/index.ts',
  'lib/dashboard/index.ts',
  'lib/tm/dtm/index.ts',
  'lib/events/index.ts',
  'lib/opentelemetry/index.ts',
  'lib/terminus/index.ts',
  'lib/testing/index.ts',
].filter((file) => ts.sys.fileExists(join(root, file)));

/** What an application may compile with. */
export const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  types: ['node'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  noEmit: true,
};

/** The types of the library, as an application sees them. */
export class EntryPoints {
  readonly checker: ts.TypeChecker;
  private readonly program: ts.Program;

  constructor(files: readonly string[] = entryFiles.map((file) => join(root, file))) {
    this.program = ts.createProgram({
      rootNames: [...files],
      options: compilerOptions,
    });
    this.checker = this.program.getTypeChecker();
  }

  /** What one entry point exports, without the aliases that lead there. */
  exportsOf(file: string): ts.Symbol[] {
    const source = this.program.getSourceFile(file);
    const module = source && this.checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${file} is no module`);
    return this.checker
      .getExportsOfModule(module)
      .map((symbol) =>
        symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol,
      );
  }
}
