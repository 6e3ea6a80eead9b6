// English texts of @sotto/confinement: usage, and protections that are missing.

export const CONFINEMENT = {
  'error.confinement.unprotected':
    'the engine does not protect this program as docker-compose.yml asks, so nothing was begun. Start it with docker compose and the compose file of this version; ./scripts/doctor checks the rest',
  'error.confinement.unprotected-word':
    'SOTTO_UNPROTECTED holds a word that names no protection: leave it out, or list the missing protections with commas between them',
  'confinement.lacking': 'unprotected: {protections}',
  'confinement.missing': 'the protection {protection} is missing',
  'confinement.unseen': 'the protection {protection} cannot be seen',
  'confinement.waived': 'SOTTO_UNPROTECTED: goes on without {protections}',
  'usage.unknown-option': 'unknown option',
  'usage.unknown-option-named': 'unknown option {option}',
  'usage.no-arguments': 'an argument too many: it takes none',
  'usage.see-help': '{problem}. See: {program} --help',
  'usage.variable-mistyped': '{variable} is not a variable of this program: did you mean {meant}?',
} as const;
