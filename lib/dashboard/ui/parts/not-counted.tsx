/** Why numbers are missing, and what to do. */
export function NotCounted() {
  return (
    <p>
      Not counted: <code>monitoring: false</code>, or tables are missing (
      <code>npx nestjs-stepping doctor</code>).
    </p>
  );
}
