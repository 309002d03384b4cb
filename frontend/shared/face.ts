import { allows } from "./permissions";
import type { Me } from "./session";

const DESK = ["workorders.write", "pm.write", "inventory.manage", "reports.read", "users.manage", "ops.read", "platform.read"];

/** The face that a person's work is on: the desk's for who plans, oversees or operates, else the app. */
export function faceOf(user: Me): "/app" | "/console" {
  return DESK.some((permission) => allows(user.permissions, permission)) ? "/console" : "/app";
}
