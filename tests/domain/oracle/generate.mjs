// Writes recurrence.tsv: random rules, zones and starts with the times that rrule-temporal gives them.
//   npm install && node generate.mjs > recurrence.tsv
// Left out, because there this engine departs from RFC 5545:
// - HOURLY where clocks change: it counts elapsed hours, a plan counts hours on the wall clock;
// - BYWEEKNO with INTERVAL, BYSETPOS, or a start in the days of New Year: it counts intervals from the calendar
//   year of the start, whose first or last days may belong to a week of the year before or after;
// - YEARLY with BYYEARDAY beside BYMONTH, BYMONTHDAY or BYDAY, or with a counted BYDAY beside BYMONTHDAY: it takes
//   the days of either, where each part limits the others (3.3.10, the table's note 2);
// - the 53rd weekday of a year that has 52: it takes one of the next year.
// A local time that the clocks leave out is missing in its answers (3.3.10); a plan keeps it (3.3.5). The test
// leaves such times out of its own answers before it compares.
import {RRuleTemporal} from 'rrule-temporal';

const ROWS = 2400, TIMES = 8;
const DAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const STEADY = ['UTC', 'Asia/Kolkata', 'America/Bogota', 'Etc/GMT+12', 'Pacific/Kiritimati'];
const ZONES = [...STEADY, 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo',
  'America/St_Johns', 'Pacific/Chatham', 'America/Santiago'];

let state = 5545;
const random = () => {  // mulberry32: the same file from the same seed
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const whole = (from, to) => from + Math.floor(random() * (to - from + 1));
const one = list => list[whole(0, list.length - 1)];
const often = share => random() < share;
const some = (most, make) => [...new Set(Array.from({length: whole(1, most)}, make))].join(',');
const signed = most => one([1, 1, -1]) * whole(1, most);

function rule() {
  const freq = one(['YEARLY', 'YEARLY', 'MONTHLY', 'MONTHLY', 'WEEKLY', 'DAILY', 'HOURLY']);
  const parts = [`FREQ=${freq}`];
  const has = {};
  const add = (name, value) => { parts.push(`${name}=${value}`); has[name] = true; };
  if (often(0.5)) add('INTERVAL', whole(2, 12));
  if (often(0.3)) add('WKST', one(DAYS));
  if (often(0.35)) add('BYMONTH', some(4, () => whole(1, 12)));
  if (freq === 'YEARLY' && often(0.25)) add('BYWEEKNO', some(3, () => signed(53)));
  else if (freq === 'YEARLY' && often(0.2)) add('BYYEARDAY', some(4, () => signed(366)));
  if (freq !== 'WEEKLY' && !has.BYWEEKNO && often(0.3)) add('BYMONTHDAY', some(3, () => signed(31)));
  if (often(0.5)) {
    const counted = ['YEARLY', 'MONTHLY'].includes(freq) && !has.BYWEEKNO && often(0.4);
    const most = freq === 'MONTHLY' || has.BYMONTH ? 5 : 53;
    add('BYDAY', some(4, () => (counted ? signed(most) : '') + one(DAYS)));
  }
  if (often(0.2)) add('BYHOUR', some(3, () => whole(0, 23)));
  if (freq !== 'HOURLY' && often(0.15)) add('BYMINUTE', some(2, () => whole(0, 59)));
  const chosen = has.BYDAY || has.BYMONTHDAY || has.BYHOUR || has.BYMINUTE;
  if (freq !== 'HOURLY' && chosen && often(0.25)) add('BYSETPOS', some(2, () => signed(3)));
  const text = parts.join(';');
  const counted = freq === 'YEARLY' && /BYDAY=[^;]*[0-9]/.test(text);
  has.faulty = freq === 'YEARLY' && (
    (has.BYYEARDAY && (has.BYMONTH || has.BYMONTHDAY || has.BYDAY))
    || (counted && (has.BYMONTHDAY || /53(MO|TU|WE|TH|FR|SA|SU)/.test(text))));
  return {freq, has, text};
}

const two = number => String(number).padStart(2, '0');

function start() {
  return `${whole(2015, 2034)}-${two(whole(1, 12))}-${two(whole(1, 28))}T${two(whole(0, 23))}:${two(whole(0, 59))}`;
}

console.log('# rule\tzone\tstart_local\tthe first times, as minutes since the one before; the first since the start');
for (let rows = 0; rows < ROWS;) {
  const {freq, has, text} = rule();
  const zone = one(freq === 'HOURLY' ? STEADY : ZONES), from = start();
  const newYear = /-(01-0|12-2[5-8])/.test(from);
  if (has.faulty) continue;
  if (has.BYWEEKNO && (has.INTERVAL || has.BYSETPOS || newYear)) continue;
  const stamp = from.replace(/[-:]/g, '') + '00';
  const times = [];
  const until = BigInt(Date.UTC(2100, 0, 1));
  try {
    const engine = new RRuleTemporal({
      rruleString: `DTSTART;TZID=${zone}:${stamp}\nRRULE:${text}`, maxIterations: 20000,
    });
    for (const at of engine.all((time, number) => number < TIMES && BigInt(time.epochMilliseconds) < until)) {
      times.push(Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute) / 60000);
    }
  } catch { continue; }
  if (times.length < 2) continue;
  const before = [Date.parse(`${from}Z`) / 60000, ...times];
  console.log([text, zone, from, times.map((time, number) => time - before[number]).join(' ')].join('\t'));
  rows += 1;
}
