-- SPDX-License-Identifier: ISC
-- Leases the first free mail: of those that are named, or of a range when none is named.
--
-- KEYS  1 inbox
--       2 claimed
-- ARGV  1 prefix of the keys of large mails
--       2 length of the lease in milliseconds
--       3 where the range begins, as XRANGE takes it
--       4... ids of the mails to try
--
-- Returns {entry, lease, frame} of the leased mail (frame: for a large mail its first piece, and '' if
-- its frame is a shared one). If no
-- mail was free, returns the milliseconds until the first lease ends, or nil if there is no lease.
--
-- The end of a lease (Unix time in milliseconds) is its name: a later lease of the same mail ends
-- later. A large mail whose hash has expired is skipped, as in a list.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local free_at
local function claim(entry)
  local held = tonumber(redis.call('HGET', KEYS[2], entry[1]) or 0)
  if held > now then
    free_at = math.min(free_at or held, held)
    return false
  end
  local frame = entry[2][4]
  if entry[2][5] == 'f' then
    frame = ''
  elseif entry[2][3] == 'n' then
    frame = redis.call('HGET', ARGV[1] .. entry[1], 'z')
  end
  if not frame then return false end
  local lease = string.format('%.0f', now + ARGV[2])
  redis.call('HSET', KEYS[2], entry[1], lease)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  return {entry, lease, frame}
end
if #ARGV > 3 then
  for i = 4, #ARGV do
    local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
    local claimed = entry and claim(entry)
    if claimed then return claimed end
  end
else
  local from = ARGV[3]
  for step = 1, 1000 do
    local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
    if not entry then break end
    local claimed = claim(entry)
    if claimed then return claimed end
    from = '(' .. entry[1]
  end
end
return free_at and free_at - now
