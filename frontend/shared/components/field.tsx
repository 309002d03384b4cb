import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useId } from "preact/hooks";
import { Mark } from "./mark";

type Props = Omit<InputHTMLAttributes<HTMLInputElement>, "label" | "id" | "value"> & {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  value: string;
  onText: (value: string) => void;
  after?: ComponentChildren;
};

/** Label above, hint below; an error takes the hint's place. */
export function Field({ label, hint, error, value, onText, after, ...rest }: Props) {
  const id = useId();
  const below = error ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="in-row">
        <input
          {...rest}
          id={id}
          class="in"
          value={value}
          onInput={(event) => onText(event.currentTarget.value)}
          aria-invalid={error ? true : undefined}
          aria-describedby={below ? `${id}-below` : undefined}
        />
        {after}
      </div>
      {below && (
        <p class="hint" id={`${id}-below`}>
          {error && <Mark name="t-failed" />}
          {below}
        </p>
      )}
    </div>
  );
}
