// What a peer could send to a terminal that believed it: one sample for each way to move, hide,
// reorder, forge or exhaust.

const ESC = '\x1b';

export const HOSTILE_SAMPLES: Readonly<Record<string, string>> = {
  'CSI colour': `${ESC}[31mred${ESC}[0m`,
  'CSI cursor up and erase': `${ESC}[1A${ESC}[2Kbob·1234  I agree`,
  'CSI clear screen': `${ESC}[2J${ESC}[H`,
  'CSI clear scrollback': `${ESC}[3J`,
  'CSI device status': `${ESC}[6n`,
  'CSI hide cursor': `${ESC}[?25l`,
  'CSI mouse tracking': `${ESC}[?1003h${ESC}[?1006h`,
  'CSI alternate screen': `${ESC}[?1049h`,
  'CSI bracketed paste': `${ESC}[?2004h`,
  'CSI window manipulation': `${ESC}[8;1;1t`,
  'CSI title report': `${ESC}[21t`,
  'CSI scroll region': `${ESC}[5;5r`,
  'CSI unterminated': `${ESC}[`,
  'OSC 0 title': `${ESC}]0;owned\x07`,
  'OSC 2 title with ST': `${ESC}]2;owned${ESC}\\`,
  'OSC 8 link': `${ESC}]8;;http://evil.example/${ESC}\\harmless${ESC}]8;;${ESC}\\`,
  'OSC 52 clipboard': `${ESC}]52;c;cm0gLXJmIC8=\x07`,
  'OSC 52 unterminated': `${ESC}]52;c;cm0gLXJmIC8=`,
  'OSC 9 notification': `${ESC}]9;look here\x07`,
  'OSC 777 notification': `${ESC}]777;notify;a;b\x07`,
  'OSC 1337 file': `${ESC}]1337;File=inline=1:AAAA\x07`,
  'OSC 4 palette': `${ESC}]4;1;#000000\x07`,
  'OSC with an inner escape': `${ESC}]0;a${ESC}[31mb\x07`,
  'DCS request': `${ESC}P+q544e${ESC}\\`,
  'DCS sixel': `${ESC}Pq#0;2;0;0;0#0~~${ESC}\\`,
  'APC kitty graphics': `${ESC}_Ga=T,f=24;AAAA${ESC}\\`,
  'PM string': `${ESC}^private${ESC}\\`,
  'SOS string': `${ESC}Xstring${ESC}\\`,
  'ESC full reset': `${ESC}c`,
  'ESC charset': `${ESC}(0lqqk`,
  'ESC keypad': `${ESC}=`,
  'ESC at the end': `text${ESC}`,
  'nested ESC': `${ESC}${ESC}[31m${ESC}[${ESC}[m`,
  'an escape around what a filter removes': `${ESC}${ESC}[0m[31mred`,
  'C1 CSI': '\u009b31mred',
  'C1 OSC': '\u009d0;owned\u009c',
  'C1 DCS': '\u0090q\u009c',
  'C1 APC': '\u009fG\u009c',
  'C1 reverse index': '\u008d\u008d\u008d',
  BEL: 'ding\x07\x07\x07',
  BS: 'harmless\b\b\b\b\b\b\b\bevil',
  'CR overwrite': 'my words\rbob·1234  his words',
  'CR LF forged line': 'hi\r\nbob·1234  I agree',
  'LF forged line': 'hi\nbob·1234  I agree',
  'VT and FF': 'a\vb\fc',
  NUL: 'a\0b',
  'SO and SI': 'a\x0elqqk\x0fb',
  ENQ: 'who\x05',
  XOFF: 'stop\x13',
  'DEL flood': '\x7f'.repeat(100),
  'SUB and CAN': 'a\x1ab\x18c',
  NEL: 'hi\u0085bob·1234  I agree',
  'line separator': 'hi\u2028bob·1234  I agree',
  'paragraph separator': 'hi\u2029bob·1234  I agree',
  'bidi override': 'file\u202egpj.exe',
  'bidi isolate': '\u2067abc\u2069',
  'bidi marks': 'a\u200eb\u200fc\u061cd',
  'zero-width space': 'pay\u200bpal',
  'word joiner and invisible operators': 'a\u2060b\u2061c\u2062d\u2063e\u2064f',
  'byte order mark': '\ufeffbob',
  'soft hyphen': 'pass\u00adword',
  'Mongolian vowel separator': 'a\u180eb',
  'Hangul fillers': '\u115f\u1160\u3164\uffa0',
  'Khmer inherent vowels': '\u17b4\u17b5',
  'combining grapheme joiner': 'a\u034fb',
  'combining flood': `Z${'\u0301\u0316'.repeat(200)}`,
  'combining flood in pieces': `Z${'\u0301\u200b'.repeat(200)}`,
  'mark without a base': '\u20dd\u20e0',
  'tag characters': 'ok\u{e0001}\u{e0049}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}',
  'variation selector smuggling': 'a\u{e0100}\u{e0101}\u{fe01}\u{fe02}',
  interlinear: 'a\ufff9b\ufffac\ufffb',
  'private use': '\ue000\u{f0000}',
  unassigned: '\u0378\u{1fbfa}',
  noncharacter: '\ufffe\uffff',
  'lone surrogates': '\ud800a\udfff',
  'joiner outside of emoji': 'a\u200db\u200c',
  'selector outside of emoji': 'a\ufe0fb',
  'Khitan filler': 'a\u{16fe4}b',
  'a note without a head': 'a\u{1d159}b',
  'Egyptian format controls': 'a\u{13430}\u{13438}\u{1343f}b',
  'our own sign, and what looks like it': 'hi\u00b6-- bob left\u204b\u2761',
  'joiner between Latin letters': 'a\u200cb',
  'joiner flood': `ب${'\u064b\u200c'.repeat(100)}م`,
  'marks beside a joiner': `क्\u200d${'\u0941'.repeat(100)}ष`,
  'vowels of Hangul on top of each other': `\u1100${'\u1161'.repeat(100)}`,
  'musical format characters': '\u{1d173}\u{1d17a}',
};

/** What no screen may get: every control but the newline, and everything that reorders. */
const FORBIDDEN = /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/**
 * What nobody sees: format characters, tags, fillers, selectors; joiners and emoji selector are
 * judged by their place.
 */
const INVISIBLE =
  /[[\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}\u{16FE4}\u{1D159}]--[\u{200C}\u{200D}\u{FE0F}]]/v;
/**
 * Scripts whose letters join, or that write joiners beside a virama, and marks: a virama of any
 * script is one, with a width of its own (Mc) or without.
 */
const BESIDE_JOINER =
  '[\\p{Script=Arabic}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Sinhala}\\p{Script=Malayalam}\\p{Script=Kannada}\\p{Mn}\\p{Mc}]';
const MISPLACED_JOINER = new RegExp(
  [
    `(?<!${BESIDE_JOINER})\\u{200C}`,
    `(?<![\\p{ExtPict}\\p{EMod}\\u{FE0F}]|${BESIDE_JOINER})\\u{200D}`,
    '(?<=[\\p{ExtPict}\\p{EMod}\\u{FE0F}])\\u{200D}(?!\\p{ExtPict})',
    '(?<![\\p{ExtPict}0-9#*])\\u{FE0F}',
  ].join('|'),
  'v',
);
/** The sign that only this program's own lines begin with, and what is drawn like it. */
const OWN_SIGN = /(?<!^)\u00b6|[\u204b\u2761\u2e3f]/mu;
/** Hangul in pieces is drawn on top of what stands before it, too. */
const MARK_FLOOD = /(?:[\p{M}\u{1160}-\u{11FF}][\u{200C}\u{200D}]?){5}/v;
const BASELESS_MARK = /^\p{M}/mv;

/** @returns why a terminal must not get `text`, or undefined. */
export function harmOf(text: string): string | undefined {
  if (FORBIDDEN.test(text)) return 'a control or bidi character';
  if (INVISIBLE.test(text)) return 'an invisible character';
  if (MISPLACED_JOINER.test(text)) return 'a joiner or selector outside of an emoji';
  if (OWN_SIGN.test(text)) return 'the sign of our own lines';
  if (MARK_FLOOD.test(text)) return 'more than four marks on a base';
  return BASELESS_MARK.test(text) ? 'a mark without a base' : undefined;
}
