/** What nodemailer says about an answer of a mail server. */
interface SmtpError {
  readonly code?: string;
  readonly responseCode?: number;
}

/**
 * Whether a mail server has refused the recipient or the content for good (RFC 5321: its answer begins with 5). Sending the same mail again is
 * pointless then. A refused login is another matter: it says nothing about the mail, and ends when somebody mends the settings.
 */
export function isRefusedForGood(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code, responseCode = 0 } = error as SmtpError;
  return responseCode >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE');
}
