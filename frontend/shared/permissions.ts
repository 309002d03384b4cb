/** Whether grants as the server lists them (`workorders.read`, `ops.*`, `*`) allow something. */
export function allows(granted: readonly string[], permission: string): boolean {
  const [scope] = permission.split(".");
  if (scope !== "platform" && granted.includes("*")) return true;
  return granted.includes(permission) || granted.includes(`${scope}.*`);
}
