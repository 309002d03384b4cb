/** UUIDv7 that rise also when the clock goes back. Time and randomness are arguments. */
export function idMaker(now: () => number, random: (bytes: Uint8Array) => Uint8Array): () => string {
  let last = 0;
  let counter = 0;
  return () => {
    const time = Math.max(now(), last);
    const bytes = random(new Uint8Array(16));
    counter = time === last ? counter + 1 : (((bytes[6]! << 8) | bytes[7]!) & 0x3ff) + 0;
    // 12 bits of counter within one millisecond; beyond them the next millisecond is borrowed.
    if (counter > 0xfff) counter = 0;
    last = counter === 0 && time === last ? time + 1 : time;
    for (let place = 5, rest = last; place >= 0; place--, rest = Math.floor(rest / 256)) bytes[place] = rest & 0xff;
    bytes[6] = 0x70 | (counter >> 8);
    bytes[7] = counter & 0xff;
    bytes[8] = 0x80 | (bytes[8]! & 0x3f);
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };
}

export const newId = idMaker(Date.now, (bytes) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>));
