/** The queue as a file, for when it cannot be sent: what was done must never be only here. */
import type { Device } from "../store/device";
import { deviceId } from "../sync/device";

export async function exportQueue(device: Device): Promise<void> {
  const rows = await device.outbox.rows();
  const { pace, silentSince, stopped, offsetMs } = device.exchange.value;
  const file = {
    what: "Millwright outbox",
    exported_at: new Date().toISOString(),
    device_id: await deviceId(),
    user: { id: device.user.id, tenant_id: device.user.tenant_id, email: device.user.email },
    exchange: { tries: pace.tries, stopped, silent_since: silentSince, clock_offset_ms: offsetMs },
    photos_waiting: [...device.photosWaiting.value.values()].map(({ sha, size, type, tries }) => ({ sha256: sha, size, type, tries })),
    actions: rows.map((row) => ({
      id: row.id, lane: row.lane, lane_seq: row.seq, ...row.said, payload: row.payload,
      state: row.state, command_id: row.commandId, outcome: row.outcome,
    })),
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `millwright-queue-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, "-")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
