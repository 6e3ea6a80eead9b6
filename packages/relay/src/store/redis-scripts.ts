// The scripts that run inside Redis: one for each operation of the store, so that each is atomic and
// takes one round trip.
//
// KEYS[1] is the room, a hash. There is a room if and only if there is this hash. Its fields:
//   capability, tag, cover (the mode's name), patience (in seconds), commit-number, oldest, next;
//   snapshot and previous (the bytes of the two snapshots), and where their commits are in the log:
//   snapshot-first, snapshot-last, previous-first, previous-last.
// KEYS[2] is its log, a stream: entry `<sequence number>-0` with one field, the frame's body; the
//   field's name is the frame's operation, `entry` or `committed`.
// KEYS[3] and KEYS[4] are the staged pieces of a restore or commit that is too long for one command:
//   a hash (token, next, snapshot, previous) and a stream like the log. No other operation reads
//   them. They become the room in one step (FINISH_RESTORE) or the snapshot (COMMIT), or expire.
//
// ARGV[1] is the request's number, and every answer begins with it. The first line of each script
// makes Redis refuse it as a whole on a replica, even if it only reads, and on a full store unless it
// is marked as one that may run there.
// Numbers are written with %.0f, because Lua writes large ones as 1e+15.

const WRITES = '#!lua\n';
/** For scripts that need no memory, or free some. */
const ALWAYS = '#!lua flags=allow-oom\n';

const NUMBER = `
local function number(value) return string.format('%.0f', value) end
local function id(value) return number(value) .. '-0' end
`;

/** A room lives for `ttl` milliseconds, or for its patience if that is shorter. */
const RENEW = `
local function renew(ttl)
  local patience = redis.call('HMGET', KEYS[1], 'patience')[1]
  local lifetime = string.format('%.0f', math.min(tonumber(ttl), 1000 * tonumber(patience)))
  redis.call('PEXPIRE', KEYS[1], lifetime)
  redis.call('PEXPIRE', KEYS[2], lifetime)
end
`;

/** Drops the entries before `named`, of a log that begins at `oldest` and goes on at `following`. */
const TRIM = `
local function trim(oldest, following, named)
  local kept = math.min(math.max(oldest, named), following)
  if kept > oldest then redis.call('XTRIM', KEYS[2], 'MINID', id(kept)) end
  redis.call('HSET', KEYS[1], 'oldest', number(kept), 'next', number(following))
  return number(kept)
end
`;

/**
 * Adds the bodies ARGV[from..] to the log as frames of this operation, drops entries older than
 * `named`, and keeps the numbers of the hash true. It reads no body.
 */
const EXTEND = `
local function extend(operation, from, oldest, following, named)
  for index = from, #ARGV do
    redis.call('XADD', KEYS[2], id(following), operation, ARGV[index])
    following = following + 1
  end
  return trim(oldest, following, named)
end
`;

/**
 * ARGV: request, ttl, capability, tag, cover, patience. The same room again is as good as made if nothing has
 * happened in it.
 */
export const CREATE: string = lua(
  WRITES,
  RENEW,
  `
local room = redis.call('HMGET', KEYS[1], 'capability', 'tag', 'cover', 'patience', 'commit-number', 'next')
if room[1] then
  local same = room[1] == ARGV[3] and room[2] == ARGV[4] and room[3] == ARGV[5] and room[4] == ARGV[6]
  if not (same and room[5] == '0' and room[6] == '1') then return {ARGV[1], 'room-exists'} end
else
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'capability', ARGV[3], 'tag', ARGV[4], 'cover', ARGV[5], 'patience', ARGV[6],
    'commit-number', '0', 'oldest', '1', 'next', '1',
    'snapshot', '', 'snapshot-first', '0', 'snapshot-last', '0', 'previous', '', 'previous-first', '0', 'previous-last', '0')
end
renew(ARGV[2])
return {ARGV[1], 'created'}
`,
);

/** ARGV: request. */
export const LOAD: string = lua(
  ALWAYS,
  `
local room = redis.call('HMGET', KEYS[1], 'capability', 'tag', 'cover', 'patience', 'commit-number', 'oldest', 'next',
  'snapshot', 'snapshot-first', 'snapshot-last', 'previous', 'previous-first', 'previous-last')
if not room[1] then return {ARGV[1], 'room-unknown'} end
return {ARGV[1], 'room', unpack(room)}
`,
);

/**
 * Whether the log ends with frames of this operation and just the bodies of ARGV[from..], the first
 * of them at number `first`: then this is a repetition.
 */
const ENDS_WITH = `
local function endsWith(operation, from, first, following)
  local count = #ARGV - from + 1
  if count == 0 or following ~= first + count then return false end
  local kept = redis.call('XRANGE', KEYS[2], id(first), '+', 'COUNT', count)
  if #kept ~= count then return false end
  for index = 1, count do
    local frame = kept[index][2]
    if frame[1] ~= operation or frame[2] ~= ARGV[from + index - 1] then return false end
  end
  return true
end
`;

/** ARGV: request, ttl, commit number, first, oldest to stay, body... */
export const APPEND: string = lua(
  WRITES,
  NUMBER,
  RENEW,
  TRIM,
  EXTEND,
  ENDS_WITH,
  `
local room = redis.call('HMGET', KEYS[1], 'commit-number', 'oldest', 'next')
if not room[1] then return {ARGV[1], 'room-unknown'} end
local first, following = tonumber(ARGV[4]), tonumber(room[3])
if endsWith('entry', 6, first, following) then return {ARGV[1], 'stored', ARGV[4], room[2]} end
if room[1] ~= ARGV[3] then return {ARGV[1], 'stale', room[1]} end
if following ~= first then return {ARGV[1], 'out-of-step', room[3]} end
local oldest = extend('entry', 6, tonumber(room[2]), following, tonumber(ARGV[5]))
renew(ARGV[2])
return {ARGV[1], 'stored', ARGV[4], oldest}
`,
);

/**
 * ARGV: request, ttl, commit number, first, oldest to stay, the commit number after it, last, token
 * and length of what of the snapshot was staged (0 if nothing), the rest of the snapshot, body...
 */
export const COMMIT: string = lua(
  WRITES,
  NUMBER,
  RENEW,
  TRIM,
  EXTEND,
  ENDS_WITH,
  `
local function newSnapshot()
  if ARGV[9] == '0' then return ARGV[10] end
  local staged = redis.call('HMGET', KEYS[3], 'token', 'snapshot')
  if staged[1] ~= ARGV[8] or not staged[2] or #staged[2] ~= tonumber(ARGV[9]) then return nil end
  return staged[2] .. ARGV[10]
end
local room = redis.call('HMGET', KEYS[1], 'commit-number', 'oldest', 'next', 'snapshot', 'snapshot-first', 'snapshot-last')
if not room[1] then return {ARGV[1], 'room-unknown'} end
local first, following, snapshot = tonumber(ARGV[4]), tonumber(room[3]), newSnapshot()
if snapshot and ARGV[9] ~= '0' then redis.call('DEL', KEYS[3]) end
if room[1] == ARGV[6] and room[5] == ARGV[4] and room[4] == snapshot and endsWith('committed', 11, first, following) then
  return {ARGV[1], 'stored', ARGV[4], room[2]}
end
if not snapshot then return {ARGV[1], 'unstaged'} end
if room[1] ~= ARGV[3] then return {ARGV[1], 'stale', room[1]} end
if following ~= first then return {ARGV[1], 'out-of-step', room[3]} end
redis.call('HSET', KEYS[1], 'commit-number', ARGV[6], 'snapshot', snapshot, 'snapshot-first', ARGV[4], 'snapshot-last', ARGV[7],
  'previous', room[4], 'previous-first', room[5], 'previous-last', room[6])
local oldest = extend('committed', 11, tonumber(room[2]), following, tonumber(ARGV[5]))
renew(ARGV[2])
return {ARGV[1], 'stored', ARGV[4], oldest}
`,
);

/**
 * ARGV: request, from, bytes at most. Answers the first number and then the operation and the body
 * of each frame.
 */
export const READ: string = lua(
  ALWAYS,
  NUMBER,
  `
local room = redis.call('HMGET', KEYS[1], 'oldest', 'next')
if not room[1] then return {ARGV[1]} end
local from, following, max = math.max(tonumber(ARGV[2]), tonumber(room[1])), tonumber(room[2]), tonumber(ARGV[3])
local answer, bytes = {ARGV[1], number(from)}, 0
while from < following do
  local entries = redis.call('XRANGE', KEYS[2], id(from), '+', 'COUNT', 16)
  if #entries == 0 then return answer end
  for _, entry in ipairs(entries) do
    local operation, body = entry[2][1], entry[2][2]
    bytes = bytes + #body
    if bytes > max and #answer > 2 then return answer end
    answer[#answer + 1] = operation
    answer[#answer + 1] = body
    from = from + 1
  end
end
return answer
`,
);

/** ARGV: request, ttl, oldest to stay. */
export const TOUCH: string = lua(
  ALWAYS,
  NUMBER,
  RENEW,
  TRIM,
  `
local room = redis.call('HMGET', KEYS[1], 'commit-number', 'oldest', 'next')
if not room[1] then return {ARGV[1], 'room-unknown'} end
local oldest = trim(tonumber(room[2]), tonumber(room[3]), tonumber(ARGV[3]))
renew(ARGV[2])
return {ARGV[1], 'present', room[1], oldest, room[3]}
`,
);

/**
 * Whether there is no room, another's, or one that is behind this commit number and next number.
 */
const IS_BEHIND = `
local function isBehind(capability, tag, commitNumber, following)
  local room = redis.call('HMGET', KEYS[1], 'capability', 'tag', 'commit-number', 'next')
  if room[1] ~= capability or room[2] ~= tag then return true end
  if room[3] ~= commitNumber then return tonumber(room[3]) < tonumber(commitNumber) end
  return tonumber(room[4]) < tonumber(following)
end
`;

/**
 * ARGV: request, ttl, token, capability, tag, commit number, oldest, next. What another attempt has
 * left is thrown away. So is a copy that is behind: memory need not hold a log twice.
 */
export const BEGIN_RESTORE: string = lua(
  ALWAYS,
  IS_BEHIND,
  `
if not isBehind(ARGV[4], ARGV[5], ARGV[6], ARGV[8]) then return {ARGV[1], 'present'} end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('HSET', KEYS[3], 'token', ARGV[3], 'next', ARGV[7], 'snapshot', '', 'previous', '')
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {ARGV[1], 'staged'}
`,
);

/** ARGV: request, ttl, token, first, and the operation and the body of each frame. */
export const STAGE_FRAMES: string = lua(
  WRITES,
  NUMBER,
  `
local staged = redis.call('HMGET', KEYS[3], 'token', 'next')
if staged[1] ~= ARGV[3] or staged[2] ~= ARGV[4] then return {ARGV[1], 'unstaged'} end
local following = tonumber(ARGV[4])
for index = 5, #ARGV, 2 do
  redis.call('XADD', KEYS[4], id(following), ARGV[index], ARGV[index + 1])
  following = following + 1
end
redis.call('HSET', KEYS[3], 'next', number(following))
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('PEXPIRE', KEYS[4], ARGV[2])
return {ARGV[1], 'staged'}
`,
);

/** ARGV: request, ttl, token. For a snapshot that is too long for its commit. */
export const BEGIN_COMMIT: string = lua(
  WRITES,
  `
if redis.call('EXISTS', KEYS[1]) == 0 then return {ARGV[1], 'room-unknown'} end
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('HSET', KEYS[3], 'token', ARGV[3], 'snapshot', '')
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {ARGV[1], 'staged'}
`,
);

/** ARGV: request, ttl, token, snapshot or previous, offset, piece. */
export const STAGE_SNAPSHOT: string = lua(
  WRITES,
  `
local staged = redis.call('HMGET', KEYS[3], 'token', ARGV[4])
if staged[1] ~= ARGV[3] or not staged[2] or #staged[2] ~= tonumber(ARGV[5]) then return {ARGV[1], 'unstaged'} end
redis.call('HSET', KEYS[3], ARGV[4], staged[2] .. ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return {ARGV[1], 'staged'}
`,
);

/**
 * ARGV: request, ttl, token, capability, tag, cover, patience, commit number, oldest, next, length of the
 * snapshot, its first and last, length of the previous snapshot, its first and last.
 */
export const FINISH_RESTORE: string = lua(
  WRITES,
  RENEW,
  IS_BEHIND,
  `
local staged = redis.call('HMGET', KEYS[3], 'token', 'next', 'snapshot', 'previous')
if staged[1] ~= ARGV[3] or staged[2] ~= ARGV[10] then return {ARGV[1], 'unstaged'} end
if #staged[3] ~= tonumber(ARGV[11]) or #staged[4] ~= tonumber(ARGV[14]) then return {ARGV[1], 'unstaged'} end
if not isBehind(ARGV[4], ARGV[5], ARGV[8], ARGV[10]) then
  redis.call('DEL', KEYS[3], KEYS[4])
  return {ARGV[1], 'present'}
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('RENAME', KEYS[4], KEYS[2]) end
redis.call('HSET', KEYS[1], 'capability', ARGV[4], 'tag', ARGV[5], 'cover', ARGV[6], 'patience', ARGV[7],
  'commit-number', ARGV[8], 'oldest', ARGV[9], 'next', ARGV[10],
  'snapshot', staged[3], 'snapshot-first', ARGV[12], 'snapshot-last', ARGV[13], 'previous', staged[4], 'previous-first', ARGV[15], 'previous-last', ARGV[16])
renew(ARGV[2])
return {ARGV[1], 'restored'}
`,
);

/**
 * ARGV: request. Also what is on its way into the room: what comes of it later finds nothing to go
 * on with.
 */
export const REMOVE: string = lua(
  ALWAYS,
  `
local known = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
return {ARGV[1], known == 1 and 'removed' or 'room-unknown'}
`,
);

function lua(...parts: readonly string[]): string {
  return parts.join('');
}
