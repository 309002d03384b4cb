/** What the device holds: the server's documents as it tells them, and what was done here. */
export interface Ref {
  id: string;
  name: string | null;
}

export interface ChecklistItem {
  item_id: string;
  text: string;
  kind: "check" | "text" | "number" | "pass_fail" | "meter";
  required: boolean;
  unit: string | null;
  min: number | null;
  max: number | null;
  value: boolean | number | string | null;
  answered_by: string | null;
  answered_at: string | null;
  asset_id: string | null;
}

export interface PartLine {
  part_id: string;
  planned: string;
  used: string;
  name?: string | null;
}

interface LedgerRow {
  id: string;
  at: string;
  by: string | null;
  voided?: unknown;
}

export interface Labor extends LedgerRow {
  minutes: number;
  worked_on: string;
  note: string | null;
}
export interface Comment extends LedgerRow {
  text: string;
}
export interface Attachment extends LedgerRow {
  sha256: string;
  size: number;
  media_type: string;
  name: string;
  available?: boolean;
}
export interface Signature extends LedgerRow {
  image_sha256: string;
  name: string;
}

export type Status = "draft" | "requested" | "approved" | "assigned" | "in_progress" | "on_hold" | "completed" | "closed" | "cancelled";
export type Priority = "low" | "medium" | "high" | "critical";

export interface WorkOrder {
  id: string;
  version: number;
  number: string;
  title: string;
  description: string | null;
  status: Status;
  type: string;
  priority: Priority;
  due_at: string | null;
  asset: Ref | null;
  assignees: Ref[];
  team: Ref | null;
  route: string[];
  checklist: ChecklistItem[];
  parts: PartLine[];
  hold_reason: string | null;
  hold_until: string | null;
  completion_note: string | null;
  labor_minutes: number;
  labor: Labor[];
  comments: Comment[];
  attachments: Attachment[];
  signatures: Signature[];
  ledger?: { shown: number; total: number };
  started_at: string | null;
  completed_at: string | null;
  updated_at: string;
  plan?: { id: string } | null;
}

export interface Asset {
  id: string;
  name: string;
  tag: string | null;
  parent_id: string | null;
  location: string | null;
  criticality: string;
  decommissioned_at: string | null;
  down_since: string | null;
}

export interface Part {
  id: string;
  name: string;
  number: string | null;
  unit: string;
  stock: string;
}

export interface Meter {
  id: string;
  asset_id: string;
  name: string;
  unit: string;
  rollover_at: string | null;
  last_value: string | null;
  last_read_at: string | null;
}

export type Kind = "work_order" | "asset" | "part" | "template";

export interface Entity<D = unknown> {
  key: string;
  kind: Kind;
  id: string;
  version: number;
  document: D;
}

/** What an action says to the server, but for its payload, which may be locked. */
export interface Said {
  v: 1;
  type: string;
  occurred_at: string;
  base_version?: number;
  needs?: string[];
  resolves?: string;
}

export type Payload = Record<string, unknown>;

/** `pending`: to be sent. `unsendable`: the server will not have it and kept nothing. Else what was last heard. */
export type State =
  | "pending" | "unsendable"
  | "accepted" | "retrying" | "parked" | "dead"
  | "applied" | "rejected" | "conflict" | "cancelled" | "discarded" | "superseded";

export interface Fault {
  path?: string;
  code: string;
  message: string;
}

export interface Difference {
  path: string;
  base: unknown;
  mine: unknown;
  server: unknown;
  by: string | null;
  at: string | null;
  version?: number;
}

export interface Outcome {
  state?: State;
  result?: { id: string; version: number | null } | null;
  error?: Fault & { errors?: Fault[]; params?: Record<string, unknown>; diff?: Difference[] };
  allowed?: string[];
  server_doc?: Payload & { version: number };
  resolution?: { choice: string; by?: string; at?: string };
  warnings?: { code: string; params?: Record<string, unknown> }[];
  for_planner?: boolean;
  next_at?: string;
}

export interface Row {
  place: number;
  id: string;
  lane: string;
  /** null: it gave its number up to a tombstone. */
  seq: number | null;
  said: Said;
  payload: Payload;
  state: State;
  /** It may have reached the server: from then on it never changes. */
  tried: boolean;
  commandId: string | null;
  outcome: Outcome;
  /** By this device's clock. */
  sentAt: number | null;
}

export const DISCARD = "discard";
export const UNSETTLED: readonly State[] = ["accepted", "retrying", "parked", "dead"];
