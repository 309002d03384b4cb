/** Marks and icons of the sprite: a circle is an order, a square is on its way, a diamond needs you. */
export type Name =
  | "o-draft" | "o-requested" | "o-approved" | "o-assigned" | "o-progress" | "o-hold" | "o-completed" | "o-closed" | "o-cancelled"
  | "t-pending" | "t-syncing" | "t-retrying" | "t-failed" | "t-synced" | "t-applied" | "t-rejected" | "t-parked" | "t-discarded"
  | "p-low" | "p-medium" | "p-high" | "p-critical"
  | "needs" | "needs-on" | "i-live"
  | "i-back" | "i-next" | "i-down" | "i-plus" | "i-minus" | "i-x" | "i-list" | "i-scan" | "i-me" | "i-find" | "i-cam" | "i-pause"
  | "i-play" | "i-report" | "i-tick" | "i-clock" | "i-off" | "i-grip" | "i-undo" | "i-more" | "i-bell" | "i-pen";

export function Mark({ name, size, label }: { name: Name; size?: "s12" | "s20" | "s24"; label?: string }) {
  const named = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true as const };
  return (
    <svg class={size ? `m ${size}` : "m"} {...named}>
      <use href={`#${name}`} />
    </svg>
  );
}

const ORDER: Record<string, Name> = {
  draft: "o-draft", requested: "o-requested", approved: "o-approved", assigned: "o-assigned", in_progress: "o-progress",
  on_hold: "o-hold", completed: "o-completed", closed: "o-closed", cancelled: "o-cancelled",
};
const PRIORITY: Record<string, Name> = { low: "p-low", medium: "p-medium", high: "p-high", critical: "p-critical" };
const COMMAND: Record<string, Name> = {
  accepted: "t-pending", retrying: "t-retrying", parked: "t-parked", applied: "t-applied", rejected: "t-rejected",
  conflict: "needs", dead: "t-failed", discarded: "t-discarded", superseded: "t-discarded", cancelled: "t-discarded",
};

export const orderMark = (status: string): Name => ORDER[status] ?? "o-draft";
export const priorityMark = (priority: string): Name => PRIORITY[priority] ?? "p-medium";
export const commandMark = (state: string): Name => COMMAND[state] ?? "t-pending";
