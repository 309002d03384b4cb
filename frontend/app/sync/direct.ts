/** One action as an ordinary command: the same key makes it the same command, however often it is sent. */
import { json } from "../../shared/api";
import { Problem } from "../../shared/problem";
import { DISCARD, type Outcome, type Row, type State } from "../model";

interface Heard {
  id: string;
  state: State;
  commandId: string | null;
  outcome: Outcome;
}

/** What was heard of it. Raises: Problem for what concerns the person or the server, not this action; Unreachable. */
export async function sendDirectly(row: Row): Promise<Heard> {
  if (row.said.type === DISCARD) return { id: row.id, state: "cancelled", commandId: null, outcome: {} };
  const headers: Record<string, string> = { "idempotency-key": row.id };
  if (row.said.base_version !== undefined) headers["if-match"] = `"${row.said.base_version}"`;
  try {
    const accepted = await json<{ command_id: string }>(`/api/commands/${row.said.type}`, { body: row.payload, headers });
    return { id: row.id, state: "accepted", commandId: accepted.command_id, outcome: {} };
  } catch (error) {
    if (!(error instanceof Problem) || ![400, 404, 413, 415, 422].includes(error.status)) throw error;
    const fault = error.errors[0];
    const message = fault?.message ?? error.detail;
    return { id: row.id, state: "rejected", commandId: null, outcome: { error: { code: error.code, message, ...(fault ? { path: fault.path } : {}) } } };
  }
}
