/** Whether `NODE_ENV` says that this is production: `production` or `prod`, in capitals or not, with blanks around it or not. */
export function isProduction(): boolean {
  return /^\s*prod(?:uction)?\s*$/i.test(process.env.NODE_ENV ?? '');
}
