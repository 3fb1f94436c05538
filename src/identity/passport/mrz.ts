/** The machine-readable zone of travel documents (ICAO Doc 9303, parts 3 to 6): its three formats and check digits. */
import { DecodeError } from '../../protocol/errors.ts';
import { Refusal } from '../../wallet/errors.ts';

const WHAT = 'machine-readable-zone';
const ALPHABET = /^[A-Z0-9<]*$/;
const WEIGHTS = [7, 3, 1] as const;

export interface MachineReadableZone {
  format: 'TD1' | 'TD2' | 'TD3';
  /** A letter, and a letter or digit where there is one, such as `P` or `ID`. */
  documentCode: string;
  /** Code of three letters of the state that issued it; `D` for Germany. */
  issuingState: string;
  documentNumber: string;
  surname: string;
  /** Empty where the document has none. */
  givenNames: string;
  nationality: string;
  /** `YYYY-MM-DD`; parts that the document does not know are left out, as in `1990` or `1990-05`. */
  birthDate: string | null;
  sex: 'F' | 'M' | null;
  /** `YYYY-MM-DD`. */
  expiryDate: string;
}

function valueOf(character: string): number {
  if (character === '<') return 0;
  const code = character.charCodeAt(0);
  return code < 0x41 ? code - 0x30 : code - 0x41 + 10;
}

/** Check digit of a field: weights 7, 3, 1, modulo 10. */
export function checkDigit(field: string): string {
  const sum = Array.from(field).reduce(
    (total, character, index) => total + valueOf(character) * WEIGHTS[index % WEIGHTS.length]!,
    0,
  );
  return `${sum % 10}`;
}

/** Throws Refusal `mrz-check-digit`. An optional field of fillers alone may have a filler for its digit. */
function requireDigit(name: string, field: string, digit: string, optional = false): void {
  if (digit === checkDigit(field)) return;
  if (optional && digit === '<' && /^<*$/.test(field)) return;
  throw new Refusal(
    'mrz-check-digit',
    `${name}: “${digit}” where “${checkDigit(field)}” is needed`,
    `The passport’s printed lines do not fit themselves: the check digit of ${name} is wrong.`,
  );
}

const filled = (text: string): string => text.replace(/<+$/, '').replaceAll('<', ' ');

/** Two-digit years are of the past for births and, for what runs out, of the century that the document is in. */
function century(year: number, now: Date, future: boolean): number {
  const full = 2000 + year;
  if (future) return full;
  return full > now.getUTCFullYear() ? full - 100 : full;
}

function dateOf(name: string, digits: string, now: Date, future: boolean): string {
  const year = `${century(Number(digits.slice(0, 2)), now, future)}`;
  const date = `${year}-${digits.slice(2, 4)}-${digits.slice(4, 6)}`;
  const at = Date.parse(`${date}T00:00:00Z`);
  if (!/^\d{6}$/.test(digits) || Number.isNaN(at) || !new Date(at).toISOString().startsWith(date))
    throw new DecodeError(WHAT, `${name}: no date of the calendar`);
  return date;
}

/** A birth's date, of which the day, the month or all may be unknown (fillers). */
function birthOf(digits: string, now: Date): string | null {
  if (digits === '<<<<<<') return null;
  const known = digits.replace(/(?:<<){1,2}$/, '');
  if (known.length === 6) return dateOf('date of birth', digits, now, false);
  const whole = dateOf('date of birth', known.padEnd(4, '01').padEnd(6, '01'), now, false);
  return whole.slice(0, known.length === 2 ? 4 : 7);
}

function sexOf(character: string): 'F' | 'M' | null {
  if (character === 'F' || character === 'M') return character;
  if (character === '<' || character === 'X') return null;
  throw new DecodeError(WHAT, 'sex: neither F, M, X nor filler');
}

function namesOf(field: string): { surname: string; givenNames: string } {
  const [surname = '', ...given] = field.replace(/<+$/, '').split('<<');
  if (surname === '') throw new DecodeError(WHAT, 'no name');
  return { surname: filled(surname), givenNames: filled(given.join('<<')) };
}

/** A document number of more than nine characters goes on in the optional field of TD1 and TD2, up to a filler. */
function longNumber(
  short: string,
  digit: string,
  optional: string,
): { number: string; digit: string; field: string } {
  if (digit !== '<') return { number: short, digit, field: short };
  const rest = /^([A-Z0-9]+)([0-9])</.exec(`${optional}<`);
  if (rest === null) return { number: short, digit, field: short };
  const number = short + rest[1]!;
  return { number, digit: rest[2]!, field: number };
}

/**
 * Reads a machine-readable zone of 88 (TD3), 72 (TD2) or 90 characters (TD1), its lines one after the other.
 *
 * @param now Milliseconds since the epoch, which tells the century of births.
 * @throws DecodeError; Refusal `mrz-check-digit`.
 */
export function readMrz(text: string, now: number): MachineReadableZone {
  if (!ALPHABET.test(text)) throw new DecodeError(WHAT, 'other characters than A to Z, 0 to 9 and “<”');
  const today = new Date(now);
  const part = (start: number, length: number) => text.slice(start, start + length);
  const at = (start: number) => text.charAt(start);
  const common = (birth: number, expiry: number, sex: number) => {
    requireDigit('the date of birth', part(birth, 6), at(birth + 6));
    requireDigit('the date of expiry', part(expiry, 6), at(expiry + 6));
    return {
      birthDate: birthOf(part(birth, 6), today),
      sex: sexOf(at(sex)),
      expiryDate: dateOf('date of expiry', part(expiry, 6), today, true),
    };
  };
  const document = {
    documentCode: filled(part(0, 2)),
    issuingState: filled(part(2, 3)),
  };
  if (!/^[A-Z][A-Z0-9]?$/.test(document.documentCode) || !/^[A-Z]{1,3}$/.test(document.issuingState))
    throw new DecodeError(WHAT, 'no kind of document, or no state');
  switch (text.length) {
    case 88: {
      const number = part(44, 9);
      requireDigit('the document’s number', number, at(53));
      requireDigit('the personal number', part(72, 14), at(86), true);
      const dates = common(57, 65, 64);
      requireDigit('the whole', part(44, 10) + part(57, 7) + part(65, 22), at(87));
      return {
        format: 'TD3',
        ...document,
        documentNumber: numberOf(number),
        ...namesOf(part(5, 39)),
        nationality: filled(part(54, 3)),
        ...dates,
      };
    }
    case 72: {
      const { number, digit, field } = longNumber(part(36, 9), at(45), part(64, 7));
      requireDigit('the document’s number', field, digit);
      const dates = common(49, 57, 56);
      requireDigit('the whole', part(36, 10) + part(49, 7) + part(57, 14), at(71));
      return {
        format: 'TD2',
        ...document,
        documentNumber: numberOf(number),
        ...namesOf(part(5, 31)),
        nationality: filled(part(46, 3)),
        ...dates,
      };
    }
    case 90: {
      const { number, digit, field } = longNumber(part(5, 9), at(14), part(15, 15));
      requireDigit('the document’s number', field, digit);
      const dates = common(30, 38, 37);
      requireDigit('the whole', part(5, 25) + part(30, 7) + part(38, 7) + part(48, 11), at(59));
      return {
        format: 'TD1',
        ...document,
        documentNumber: numberOf(number),
        ...namesOf(part(60, 30)),
        nationality: filled(part(45, 3)),
        ...dates,
      };
    }
    default:
      throw new DecodeError(WHAT, `${text.length} characters, not 72, 88 or 90`);
  }
}

function numberOf(field: string): string {
  const number = field.replace(/<+$/, '');
  if (number === '') throw new DecodeError(WHAT, 'no number of the document');
  return number.replaceAll('<', ' ');
}
