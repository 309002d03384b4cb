import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

interface Message {
  text: string;
  undo?: { word: string; act: () => void };
  /** Stays until something else is said. */
  stays?: boolean;
}

const shown = signal<Message | null>(null);
const STAYS_MS = 8000;

/** Says one sentence, lower left; one at a time. */
export function toast(message: Message | null): void {
  shown.value = message;
}

export function Toast() {
  const message = shown.value;
  const [held, hold] = useState(false);
  useEffect(() => {
    if (!message || message.stays || held) return;
    const timer = setTimeout(() => {
      if (shown.value === message) shown.value = null;
    }, STAYS_MS);
    return () => clearTimeout(timer);
  }, [message, held]);
  return (
    <div class="toasts" role="status" onPointerEnter={() => hold(true)} onPointerLeave={() => hold(false)} onFocusIn={() => hold(true)} onFocusOut={() => hold(false)}>
      {message && (
        <div class="toast">
          <span>{message.text}</span>
          {message.undo && (
            <button
              class="push"
              onClick={() => {
                message.undo?.act();
                shown.value = null;
              }}
            >
              <b>{message.undo.word}</b>
            </button>
          )}
        </div>
      )}
    </div>
  );
}
