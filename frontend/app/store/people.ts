/** Who has used this device. Whoever leaves work behind finds it locked, and is told so on the way in. */
import { signal } from "@preact/signals";
import { deleteDB } from "idb";
import { keep, recall } from "../../shared/durable";
import { type Me, me, signOut } from "../../shared/session";
import { DISCARD } from "../model";
import { nameOf, open } from "./db";
import { type Device, device as current, openDevice } from "./device";
import { Locked, Vault } from "./vault";

export interface Left {
  user: Me;
  actions: number;
}

/** People whose unsent work lies here, locked. */
export const left = signal<Left[]>([]);

export async function recallLeft(): Promise<void> {
  left.value = (await recall<Left[]>("left")) ?? [];
}

async function keepLeft(list: Left[]): Promise<void> {
  left.value = list;
  await keep("left", list.length ? list : null);
}

const isSame = (a: Me, b: Me) => a.id === b.id && a.tenant_id === b.tenant_id;

/** Signs out: the copy goes, what is unsent stays, locked. */
export async function leave(device: Device): Promise<void> {
  const actions = device.rows.peek().filter((row) => row.said.type !== DISCARD).length;
  await lockUp(device, actions);
  await signOut();
}

async function lockUp(device: Device, actions: number): Promise<void> {
  current.value = null;
  if (actions > 0) {
    await device.copy.clear();
    await device.photos.dropCopies();
    await device.vault.lock();
    await keepLeft([...left.peek().filter((one) => !isSame(one.user, device.user)), { user: device.user, actions }]);
  }
  await device.close();
  if (actions === 0) await deleteDB(device.db.name);
}

/** Another person signs in on a device whose last one never signed out: theirs is locked first. */
export async function lockOthers(user: Me): Promise<void> {
  const device = current.peek();
  if (!device || isSame(device.user, user)) return;
  await lockUp(device, device.rows.peek().filter((row) => row.said.type !== DISCARD).length);
}

/**
 * Opens the device of whoever has just signed in. Raises: Locked: their work is under an earlier password, which
 * `earlier` may give.
 */
export async function enter(user: Me, password: string, earlier?: string): Promise<Device> {
  let device = current.peek();
  if (!device || !isSame(device.user, user)) {
    const db = await open(nameOf(user), () => location.reload());
    try {
      await (await Vault.open(db)).unlock(password, earlier);
    } finally {
      db.close();
    }
    device = await openDevice();
    if (!device) throw new Locked("nobody is signed in");
  } else await device.vault.unlock(password, earlier);
  await keepLeft(left.peek().filter((one) => !isSame(one.user, user)));
  device.start();
  device.engine.wake({ signedIn: true });
  return device;
}

export const somebody = () => me.peek() ?? left.peek().at(-1)?.user ?? null;
