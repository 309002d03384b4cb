/** What each answer of the server means for the outbox. Heard twice, it means the same. */
import { DISCARD, type Fault, type Outcome, type Row, type State } from "../model";
import type { Outbox, Tombstone } from "../store/outbox";

export interface Result {
  id: string;
  status: "accepted" | "duplicate" | "rejected" | "out_of_order" | "retry_later" | (string & {});
  command_id?: string;
  outcome?: Outcome & { state: State };
  code?: string;
  message?: string;
  errors?: Fault[];
  expected_lane_seq?: number;
}

export interface Receipt extends Outcome {
  command_id: string;
  state: State;
}

/** Takes the results of one batch. Returns the lanes that the server cannot take yet. */
export async function hear(outbox: Outbox, batch: readonly Row[], results: readonly Result[], tombstone: Tombstone): Promise<Set<string>> {
  const held = new Set<string>();
  const news: Parameters<Outbox["heard"]>[0][number][] = [];
  for (const [place, row] of batch.entries()) {
    const result = results[place];
    if (!result || result.id !== row.id) continue;
    const commandId = result.command_id ?? null;
    if (result.status === "accepted") news.push({ id: row.id, state: "accepted", commandId, outcome: {} });
    else if (result.status === "duplicate" && result.outcome) {
      news.push({ id: row.id, state: result.outcome.state, commandId, outcome: result.outcome });
    } else if (result.status === "rejected") {
      const outcome: Outcome = { error: faultOf(result) };
      if (commandId !== null) news.push({ id: row.id, state: "rejected", commandId, outcome });
      else if (row.said.type === DISCARD) news.push({ id: row.id, state: "unsendable", commandId: null, outcome });
      else await outbox.replace(row.id, outcome, tombstone);
    } else if (result.status === "out_of_order" && result.expected_lane_seq !== undefined) {
      await outbox.expected(row.id, row.seq!, result.expected_lane_seq, tombstone);
    } else held.add(row.lane); // retry_later, and whatever a newer server may say
  }
  await outbox.heard(news);
  return held;
}

/** Takes receipts that were asked for. One that the server does not know any more is sent again. */
export async function seen(outbox: Outbox, asked: readonly Row[], receipts: ReadonlyMap<string, Receipt>): Promise<boolean> {
  const news: Parameters<Outbox["heard"]>[0][number][] = [];
  for (const row of asked) {
    const receipt = receipts.get(row.commandId ?? "");
    if (!receipt) news.push({ id: row.id, state: "pending", commandId: null, outcome: {} });
    else if (receipt.state !== row.state || isNews(row.outcome, receipt)) {
      news.push({ id: row.id, state: receipt.state, commandId: row.commandId, outcome: short(receipt) });
    }
  }
  await outbox.heard(news);
  return news.length > 0;
}

const isNews = (known: Outcome, receipt: Receipt) =>
  JSON.stringify([known.resolution, known.for_planner, known.allowed, known.server_doc?.version, known.error?.code]) !==
  JSON.stringify([receipt.resolution, receipt.for_planner, receipt.allowed, receipt.server_doc?.version, receipt.error?.code]);

function short(receipt: Receipt): Outcome {
  const { state, result, error, allowed, server_doc, resolution, warnings, for_planner, next_at } = receipt;
  const all = { state, result, error, allowed, server_doc, resolution, warnings, for_planner, next_at };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Outcome;
}

function faultOf(result: Result): NonNullable<Outcome["error"]> {
  const first = result.errors?.[0];
  const path = first?.path;
  return {
    code: result.code ?? "rejected",
    message: first?.message ?? result.message ?? "",
    ...(path === undefined ? {} : { path }),
    ...(result.errors ? { errors: result.errors } : {}),
  };
}
