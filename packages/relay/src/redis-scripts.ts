// What runs inside Redis: one script per operation of the store, so that each is atomic and costs one round trip.
//
// KEYS[1] is the room, a hash: capability, tag, cover (the mode's name), counter, oldest, next, bytes (of the log), head and previous (the bytes of the two heads),
// head-first, head-last, previous-first and previous-last (where their commits are in the log).
// KEYS[2] is its log, a stream: entry `<sequence number>-0` with the one field `body`.
// Numbers are written with %.0f: Lua would write large ones as 1e+15.

const NUMBER = `
local function number(value) return string.format('%.0f', value) end
local function id(value) return number(value) .. '-0' end
`;

const RENEW = `
local function renew(ttl)
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
end
`;

/** Adds ARGV[from..] to the log, cuts it back to `max` bytes, and keeps the hash's numbers true. */
const EXTEND = `
local function extend(from, oldest, following, bytes, max)
  for index = from, #ARGV do
    redis.call('XADD', KEYS[2], id(following), 'body', ARGV[index])
    following = following + 1
    bytes = bytes + #ARGV[index]
  end
  local kept = oldest
  while bytes > max do
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], id(kept), '+', 'COUNT', 16)) do
      if bytes <= max then break end
      bytes = bytes - #entry[2][2]
      kept = kept + 1
    end
  end
  if kept > oldest then redis.call('XTRIM', KEYS[2], 'MINID', id(kept)) end
  redis.call('HSET', KEYS[1], 'oldest', number(kept), 'next', number(following), 'bytes', number(bytes))
  return number(kept)
end
`;

/** ARGV: ttl, capability, tag, cover. */
export const CREATE: string = lua(
  RENEW,
  `
if redis.call('EXISTS', KEYS[1]) == 1 then return 'room-exists' end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'capability', ARGV[2], 'tag', ARGV[3], 'cover', ARGV[4], 'counter', '0', 'oldest', '1', 'next', '1', 'bytes', '0',
  'head', '', 'head-first', '0', 'head-last', '0', 'previous', '', 'previous-first', '0', 'previous-last', '0')
renew(ARGV[1])
return 'created'
`,
);

export const LOAD = `
return redis.call('HMGET', KEYS[1], 'capability', 'tag', 'cover', 'counter', 'oldest', 'next',
  'head', 'head-first', 'head-last', 'previous', 'previous-first', 'previous-last')
`;

/** Whether the log ends with just the bodies of ARGV[from..], the first of them at number `first`: then this is a repetition. */
const ENDS_WITH = `
local function endsWith(from, first, following)
  local count = #ARGV - from + 1
  if count == 0 or following ~= first + count then return false end
  local kept = redis.call('XRANGE', KEYS[2], id(first), '+', 'COUNT', count)
  if #kept ~= count then return false end
  for index = 1, count do
    if kept[index][2][2] ~= ARGV[from + index - 1] then return false end
  end
  return true
end
`;

/** ARGV: ttl, bytes of the log at most, counter, first, body... */
export const APPEND: string = lua(
  NUMBER,
  RENEW,
  EXTEND,
  ENDS_WITH,
  `
local room = redis.call('HMGET', KEYS[1], 'counter', 'oldest', 'next', 'bytes')
if not room[1] then return {'room-unknown'} end
local first, following = tonumber(ARGV[4]), tonumber(room[3])
if endsWith(5, first, following) then return {'stored', ARGV[4], room[2]} end
if room[1] ~= ARGV[3] then return {'stale', room[1]} end
if following ~= first then return {'out-of-step', room[3]} end
local oldest = extend(5, tonumber(room[2]), following, tonumber(room[4]), tonumber(ARGV[2]))
renew(ARGV[1])
return {'stored', ARGV[4], oldest}
`,
);

/** ARGV: ttl, bytes of the log at most, counter, first, the counter after it, last, head, body... */
export const COMMIT: string = lua(
  NUMBER,
  RENEW,
  EXTEND,
  ENDS_WITH,
  `
local room = redis.call('HMGET', KEYS[1], 'counter', 'oldest', 'next', 'bytes', 'head', 'head-first', 'head-last')
if not room[1] then return {'room-unknown'} end
local first, following = tonumber(ARGV[4]), tonumber(room[3])
if room[1] == ARGV[5] and room[6] == ARGV[4] and room[5] == ARGV[7] and endsWith(8, first, following) then
  return {'stored', ARGV[4], room[2]}
end
if room[1] ~= ARGV[3] then return {'stale', room[1]} end
if following ~= first then return {'out-of-step', room[3]} end
redis.call('HSET', KEYS[1], 'counter', ARGV[5], 'head', ARGV[7], 'head-first', ARGV[4], 'head-last', ARGV[6],
  'previous', room[5], 'previous-first', room[6], 'previous-last', room[7])
local oldest = extend(8, tonumber(room[2]), following, tonumber(room[4]), tonumber(ARGV[2]))
renew(ARGV[1])
return {'stored', ARGV[4], oldest}
`,
);

/** ARGV: from, bytes at most. Answers the first number and then the bodies. */
export const READ: string = lua(
  NUMBER,
  `
local room = redis.call('HMGET', KEYS[1], 'oldest', 'next')
if not room[1] then return {} end
local from, following, max = math.max(tonumber(ARGV[1]), tonumber(room[1])), tonumber(room[2]), tonumber(ARGV[2])
local answer, bytes = {number(from)}, 0
while from < following do
  local entries = redis.call('XRANGE', KEYS[2], id(from), '+', 'COUNT', 16)
  if #entries == 0 then return answer end
  for _, entry in ipairs(entries) do
    bytes = bytes + #entry[2][2]
    if bytes > max and #answer > 1 then return answer end
    answer[#answer + 1] = entry[2][2]
    from = from + 1
  end
end
return answer
`,
);

/** ARGV: ttl. */
export const TOUCH: string = lua(
  RENEW,
  `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'room-unknown' end
renew(ARGV[1])
return 'present'
`,
);

/** ARGV: ttl, capability, tag, cover, counter, oldest, next, head, its first and last, previous head, its first and last, body... */
export const RESTORE: string = lua(
  NUMBER,
  RENEW,
  `
if redis.call('EXISTS', KEYS[1]) == 1 then return 'present' end
redis.call('DEL', KEYS[2])
local bytes, oldest = 0, tonumber(ARGV[6])
for index = 14, #ARGV do
  redis.call('XADD', KEYS[2], id(oldest + index - 14), 'body', ARGV[index])
  bytes = bytes + #ARGV[index]
end
redis.call('HSET', KEYS[1], 'capability', ARGV[2], 'tag', ARGV[3], 'cover', ARGV[4], 'counter', ARGV[5], 'oldest', ARGV[6], 'next', ARGV[7],
  'bytes', number(bytes), 'head', ARGV[8], 'head-first', ARGV[9], 'head-last', ARGV[10],
  'previous', ARGV[11], 'previous-first', ARGV[12], 'previous-last', ARGV[13])
renew(ARGV[1])
return 'restored'
`,
);

export const REMOVE = `
local known = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return known == 1 and 'removed' or 'room-unknown'
`;

function lua(...parts: readonly string[]): string {
  return parts.join('');
}
