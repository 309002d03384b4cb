import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Mark } from "./mark";

interface Props {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  value: string;
  onText: (value: string) => void;
  /** Stands beside the input: a button, a unit. */
  after?: ComponentChildren;
  type?: "text" | "email" | "password" | "number" | "date" | "search";
  name?: string;
  autocomplete?: AutoFill;
  autocapitalize?: "none" | "sentences" | "words";
  inputMode?: "text" | "email" | "numeric" | "decimal" | "search";
  placeholder?: string;
  spellcheck?: boolean;
  required?: boolean;
  maxLength?: number;
  step?: string;
  min?: string;
  max?: string;
}

/** Label above, hint below; an error takes the hint's place. */
export function Field({ label, hint, error, value, onText, after, ...rest }: Props) {
  const id = useId();
  const below = error ?? hint;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="in-row">
        <input
          {...(rest as object)}
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
