/** One of a few, chosen in a list. */
export function Select({
  id,
  label,
  value,
  options,
  onChoose,
}: {
  readonly id?: string;
  /** Where no label is seen. */
  readonly label?: string;
  readonly value: string;
  /** Values, each with its text. */
  readonly options: readonly (readonly [string, string])[];
  readonly onChoose: (value: string) => void;
}) {
  return (
    <select
      id={id}
      class="input"
      aria-label={label}
      value={value}
      onChange={(event) => onChoose(event.currentTarget.value)}
    >
      {options.map(([option, text]) => (
        <option key={option} value={option}>
          {text}
        </option>
      ))}
    </select>
  );
}
