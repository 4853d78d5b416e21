/** Why numbers are missing, and what to do. */
export function NotCounted() {
  return (
    <p>
      Nothing is known of attempts and processes yet. Either <code>selfTm()</code> has{' '}
      <code>monitoring: false</code>, or their tables could not be read:{' '}
      <code>npx nestjs-stepping doctor</code> tells whether they are there.
    </p>
  );
}
